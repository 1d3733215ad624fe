/** The vendors whose fields only a preset reads. */
const vendor = /^(?:x-)?(hubspot|ms|sforce|shopify|zendesk)-.*limit/;

/** Those whose presets have other names. */
const presets: Readonly<Record<string, string>> = {
  ms: 'azureResourceManager',
  sforce: 'salesforce',
};

/** The preset that reads a field of a vendor; undefined if it is none. */
export function presetFor(field: string): string | undefined {
  const name = vendor.exec(field)?.[1];
  return name && (presets[name] ?? name);
}
