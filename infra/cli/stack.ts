import { type Stack, startStack } from '#local/stack.ts'
import type { Config } from '#runtime/config.ts'
import type { Simulated } from './providers.ts'

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

/** The stack's simulators, when it has any. */
export const simulatedOf = ({ credentials, simulators }: Stack): Simulated | undefined =>
  credentials && simulators && { credentials, ports: simulators.ports }
