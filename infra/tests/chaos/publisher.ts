import { appendFileSync } from 'node:fs'
import { createNotifier } from '#producers/sdk/notifier.ts'
import { catalogue } from './catalogue.ts'
import type { Told } from './oracle.ts'
import type { Rig } from './rig.ts'
import type { Work } from './workload.ts'

/** Publishes and writes down for itself what was stored. */
export type Publisher = AsyncDisposable & {
  told: ReadonlyMap<string, Told>
  publish(works: readonly Work[]): Promise<void>
}

export function openPublisher({ addresses, publisherLog }: Rig): Publisher {
  const told = new Map<string, Told>()
  const { projectId, emulator } = addresses.pubsub
  const notifier = createNotifier({
    producer: 'chaos',
    catalogue,
    pubsub: { projectId, emulator: emulator!, prefix: addresses.prefix },
    publisherLog: line => appendFileSync(publisherLog, `${JSON.stringify(line)}\n`),
  })
  let last = 0
  // No two happen at the same time, so that it is known which of them came first.
  const occurredAt = () => (last = Math.max(Date.now(), last + 1))
  return {
    told,
    publish: async works => {
      const dated = works.map(work => ({ ...work, occurredAt: occurredAt() }))
      const stored = await notifier.notifyMany(
        dated.map(({ ask, occurredAt }) => ({ ...ask, options: { ...ask.options, occurredAt } })),
      )
      for (const [at, { type, about, recipients, occurredAt }] of dated.entries())
        told.set(stored[at]!.intentId, { type, about, recipients, occurredAt })
    },
    [Symbol.asyncDispose]: () => notifier.close(),
  }
}
