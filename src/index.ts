export type { CallOptions } from './adapters/call-options.ts';
export { type ThrottleCallsOptions, throttleCalls } from './adapters/calls.ts';
export { type FetchCall, type ThrottleFetchOptions, throttleFetch } from './adapters/fetch.ts';
export type { MethodCall } from './adapters/method-call.ts';
export type { MethodNames } from './adapters/method-names.ts';
export {
  type BodyQuota,
  type Dialect,
  type FieldMeaning,
  type HeaderSource,
  type RefusalMark,
  readServerSignal,
  type ServerAnswer,
  type TimeHint,
} from './adapters/server-signal.ts';
export {
  ClosedError,
  CostExceedsBurstError,
  isThrottleError,
  QueueFullError,
  StoreError,
  ThrottleError,
  WaitTooLongError,
} from './core/base/errors.ts';
export type { CallOutcome, ThrottleEvent, ThrottleEvents, ThrottleListener } from './core/base/events.ts';
export type { Grant } from './core/base/grant.ts';
export type { ServerSignal, SignalBucket } from './core/base/server-signal.ts';
export type {
  Answer,
  BucketStore,
  LimitStatus,
  LocalStore,
  Receipt,
  SharedStore,
  Standing,
  StoreNews,
  StoreOperations,
  TakeAnswer,
  TakeRequest,
} from './core/base/store.ts';
export type { Ceiling } from './core/bucket/pool.ts';
export type { Cost } from './core/limits/cost.ts';
export type { Limit, LimitKind } from './core/limits/limit.ts';
export type { Plan } from './core/limits/plan.ts';
export {
  type PerOptions,
  perDay,
  perHour,
  perMinute,
  perSecond,
  type QuotaOptions,
  quota,
} from './core/limits/quota.ts';
export { type SlidingWindowOptions, slidingWindow } from './core/limits/sliding-window.ts';
export { spaced } from './core/limits/spaced.ts';
export type { WhenFull } from './core/line/bounds.ts';
export { sharedStore } from './core/sharing/shared-store.ts';
export { whenIdle } from './core/throttle/idle.ts';
export { type Logger, logTo } from './core/throttle/log.ts';
export { measureThrottle, type Timeline } from './core/throttle/measure.ts';
export type {
  CloseOptions,
  ConfigureOptions,
  CostOptions,
  ReserveOptions,
  RunContext,
  RunOptions,
  SettleOptions,
  SyncOptions,
  ThrottleOptions,
  WaitOptions,
} from './core/throttle/options.ts';
export type { Limits } from './core/throttle/plans.ts';
export type { StatusListener } from './core/throttle/status-watch.ts';
export { subscribe } from './core/throttle/subscribe.ts';
export type { Decision, Reservation, Status, Throttle } from './core/throttle/throttle.ts';
export { type CombinedThrottle, type ThrottlePart, throttleAll } from './core/throttle/throttle-all.ts';
export {
  type MapContext,
  type MapOutcome,
  type MapTask,
  type ThrottledMapOptions,
  throttledMap,
} from './core/throttle/throttled-map.ts';
export type { Clock } from './core/time/clock.ts';
export type { TimerSource } from './core/time/page-timers.ts';
export { createThrottle } from './create-throttle.ts';
export { type KeyValueStorage, type KeyValueStoreOptions, keyValueStore } from './storage/key-value.ts';
export { type MemoryStoreOptions, memoryStore } from './storage/memory.ts';
