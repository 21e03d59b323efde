import type { Catalogue } from '#contracts/catalogue.ts'
import type { Lane } from '#contracts/channel.ts'
import type { Routes } from '#contracts/routes.ts'
import type { Clock } from '#runtime/clock.ts'
import type { ReadyBatch } from '#ledger/set.ts'
import type { Database } from '#runtime/postgres.ts'
import { admit, type IntentMessage } from './admit.ts'
import { commit, type Committed } from './commit.ts'
import { gather } from './gather.ts'
import type { Volumes } from './volumes.ts'

export type RouteDeps = {
  db: Database
  addressKey: string
  lane: Lane
  catalogue: Catalogue
  clock: Clock
  /** A replay decides by the time of the events; the running system by its clock. */
  trustEventTime: boolean
  volumes?: Volumes | undefined
  /** Of channels that have several accounts. */
  routes?: Routes | undefined
  enqueue(ready: readonly ReadyBatch[]): Promise<void>
  /** Tests stop a process here. */
  failpoint?: (name: Failpoint) => Promise<void>
}
export type Failpoint = 'after insert before commit' | 'after commit before ack' | 'after ack before enqueue'

export type RoutedMessage = IntentMessage & { ack(): void }

/**
 * The way of a set through the router: admit → gather → decide → commit, then ack, then enqueue. Takes messages of one
 * lane. When it rejects nothing was acked; what it acked is committed (law 1).
 */
export async function route(messages: readonly RoutedMessage[], deps: RouteDeps): Promise<Committed> {
  const now = deps.clock.now()
  const admitted = admit(messages, { ...deps, now })
  await deps.volumes?.known()
  const facts = await gather({ ...deps, now }, admitted.intents)
  const committed = await commit(admitted, facts, { ...deps, now })
  await deps.failpoint?.('after commit before ack')
  for (const message of messages) message.ack()
  await deps.failpoint?.('after ack before enqueue')
  await deps.enqueue(committed.ready)
  return committed
}
