// A worker of every channel as a process of its own, for a parent that kills it while it sends. It says `sent` when a
// provider has answered and nothing is written down yet, and stands there as long as it is told to.
import { setTimeout as sleep } from 'node:timers/promises'
import { startWorker } from '#channels/worker.ts'
import { greeting } from '#channels/world.fixture.ts'
import { openProviders } from '#cli/providers.ts'
import { catalogueOf } from '#contracts/catalogue.ts'
import type { DoubtPolicy } from '#contracts/outcome.ts'
import type { LocalCredentials } from '#local/credentials.ts'
import { redirectGoogleApis } from '#local/redirect.ts'
import type { SimulatorPorts } from '#local/simulators/server.ts'
import { systemClock } from '#runtime/clock.ts'
import { readConfig } from '#runtime/config.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { openPostgres } from '#runtime/postgres.ts'
import { openQueues } from '#runtime/queues.ts'

export type Setup = {
  databaseUrl: string
  prefix: string
  publicUrl: string
  credentials: LocalCredentials
  ports: SimulatorPorts
  /** How long it stands where a provider has answered and nothing is written down. */
  standMs: number
}

export const secret = 'a key for tests'
export const policies = ['resend', 'await_receipt', 'never'] as const satisfies readonly DoubtPolicy[]
const catalogue = catalogueOf(
  '1',
  policies.map(doubt => ({ ...greeting, type: `test.${doubt}`, doubt })),
)
/** The parent lets leases end itself. */
const limits = { leaseMs: 60_000, startWithinMs: 20_000, callMs: 20_000 }

async function run({ databaseUrl, prefix, publicUrl, credentials, ports, standMs }: Setup): Promise<void> {
  const db = await openPostgres({ url: databaseUrl, connectionsMax: 8, name: 'killed' })
  const queues = await openQueues({ postgresUrl: databaseUrl, prefix, onError: () => {} })
  redirectGoogleApis({ port: ports.google, caFile: credentials.caFile })
  const config = readConfig({ CARILLON_PUBLIC_URL: publicUrl })
  await startWorker({
    ...{ db, addressKey: secret, queues, catalogue, clock: systemClock, limits },
    ...{ log: createLog({ role: 'killed', level: 'error' }), metrics: createMetrics() },
    providers: openProviders({ config, db, secret, simulated: { credentials, ports } }),
    ...{ lanes: ['default'], channels: ['push', 'sms', 'email'], concurrency: 3 },
    failpoint: async name => {
      if (name !== 'after send before record') return
      process.send!('sent')
      await sleep(standMs)
    },
  })
  process.send!('ready')
}

process.once('message', setup => void run(setup as Setup))
process.once('disconnect', () => process.exit(0))
