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
export type { Clock } from './core/clock.ts';
export type { Cost } from './core/cost.ts';
export {
  CostExceedsBurstError,
  isThrottleError,
  QueueFullError,
  StoreError,
  ThrottleError,
  WaitTooLongError,
} from './core/errors.ts';
export type { ThrottleEvent, ThrottleEvents, ThrottleListener } from './core/events.ts';
export type { Grant } from './core/grant.ts';
export {
  type Limit,
  type LimitKind,
  type PerOptions,
  type Plan,
  perDay,
  perHour,
  perMinute,
  perSecond,
  type QuotaOptions,
  quota,
  type SlidingWindowOptions,
  slidingWindow,
} from './core/limit.ts';
export { type Logger, logTo } from './core/log.ts';
export type { TimerSource } from './core/page-timers.ts';
export type { Limits } from './core/plans.ts';
export type { Ceiling } from './core/pool.ts';
export type { ServerSignal, SignalBucket } from './core/server-signal.ts';
export type {
  Answer,
  BucketStore,
  LimitStatus,
  Receipt,
  Standing,
  StoreNews,
  TakeAnswer,
  TakeRequest,
} from './core/store.ts';
export type {
  ConfigureOptions,
  CostOptions,
  Decision,
  Reservation,
  ReserveOptions,
  RunOptions,
  SettleOptions,
  Status,
  SyncOptions,
  Throttle,
  ThrottleOptions,
  WaitOptions,
} from './core/throttle.ts';
export { createThrottle } from './create-throttle.ts';
export { type KeyValueStorage, type KeyValueStoreOptions, keyValueStore } from './storage/key-value.ts';
export { type MemoryStoreOptions, memoryStore } from './storage/memory.ts';
