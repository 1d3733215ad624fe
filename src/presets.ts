export * from './presets/business.ts';
export { completeDialect } from './presets/complete-dialect.ts';
export * from './presets/open-data.ts';
export * from './presets/platforms.ts';
export type {
  Confidence,
  OwnLimits,
  Preset,
  PresetByPlan,
  PresetOptions,
  PresetSource,
  PresetWithLimits,
  PresetWithoutLimits,
} from './presets/preset.ts';
export * from './presets/social.ts';
