/** The vendors whose fields only a preset reads. */
const vendor = /^(?:x-)?(hubspot|ms|sforce|shopify|zendesk)-.*limit/;

/** Vendors whose presets have other names. */
const presets: Readonly<Record<string, string>> = {
  ms: 'azureResourceManager',
  sforce: 'salesforce',
};

/** The preset that reads a vendor's field; undefined for any other field. */
export function presetFor(field: string): string | undefined {
  const name = vendor.exec(field)?.[1];
  return name && (presets[name] ?? name);
}
