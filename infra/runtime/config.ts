/** Tells Google's client libraries not to look for a metadata server: with the local Pub/Sub server there is none. */
export function avoidMetadataServer(): void {
  process.env.METADATA_SERVER_DETECTION ??= 'none'
}
