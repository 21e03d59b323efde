import path from 'node:path'
import type { Catalogue } from '#contracts/catalogue.ts'
import { type Stack, startStack } from '#local/stack.ts'
import type { Config } from '#runtime/config.ts'
import type { Addresses } from './installation.ts'

/** Starts the parts that are not configured to a real service; says which ones. */
export const startMissing = (
  config: Config,
  onPart: (part: { name: string; address: string }) => void,
): Promise<Stack> =>
  startStack({
    ...{ dataDir: config.dataDir, onPart },
    postgres: config.database.url === undefined,
    pubsub: config.pubsub === undefined,
    simulators: [config.fcm, config.apns, config.sendgrid, config.twilio].includes(undefined),
  })

/** Where everything is, embedded or real. */
export function addressesOf(config: Config, stack: Stack): Addresses {
  const databaseUrl = config.database.url ?? stack.databaseUrl!
  return {
    databaseUrl,
    databaseDirectUrl: config.database.directUrl ?? databaseUrl,
    redisUrl: config.redisUrl,
    pubsub: config.pubsub ?? { projectId: 'carillon-local', emulator: stack.pubsubAddress },
    prefix: config.prefix,
  }
}

export const catalogueFrom = async (file: string): Promise<Catalogue> => {
  const module = (await import(file)) as { catalogue?: Catalogue }
  if (!module.catalogue) throw new Error(`${path.basename(file)} exports no \`catalogue\``)
  return module.catalogue
}
