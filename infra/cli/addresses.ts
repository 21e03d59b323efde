import type { Stack } from '#local/stack.ts'
import type { Config } from '#runtime/config.ts'
import { CommandError } from './command.ts'
import type { Addresses } from './installation.ts'

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

/** Addresses of a process that starts nothing itself. */
export function configuredAddresses(config: Config): Addresses {
  const { database, pubsub, redisUrl, prefix } = config
  const missing = [
    ...(database.url === undefined ? ['DATABASE_URL'] : []),
    ...(pubsub === undefined ? ['GOOGLE_CLOUD_PROJECT or PUBSUB_EMULATOR_HOST'] : []),
  ]
  if (missing.length > 0) throw new CommandError(`set ${missing.join(' and ')}; \`npm start\` runs everything without`)
  return {
    databaseUrl: database.url!,
    databaseDirectUrl: database.directUrl ?? database.url!,
    redisUrl,
    pubsub: pubsub!,
    prefix,
  }
}
