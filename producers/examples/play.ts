import type { Notifier } from '../sdk/notifier.ts'
import { type Clock, systemClock } from '../sdk/clock.ts'
import { type Community, community } from './community.ts'
import { asksOf } from './github.ts'

export type Play = {
  notifier: Pick<Notifier, 'notifyMany'>
  community?: Community
  /** How often all payloads are replayed, each time by other members. Default 6: more than 400 intents. */
  rounds?: number
  /** Part of every key: the same run played again notifies nobody a second time. */
  run?: string
  clock?: Clock
  onProgress?: (progress: { rounds: number; of: number; intents: number }) => void
  signal?: AbortSignal
}

/**
 * Plays the example product: every webhook payload of `@octokit/webhooks-examples` that means something to a community,
 * replayed by its members. Resolves with the number of stored intents; stops between rounds when `signal` says so.
 */
export async function playExample(play: Play): Promise<{ intents: number }> {
  const { notifier, rounds = 6, run = 'example', clock = systemClock, onProgress, signal } = play
  const people = play.community ?? community()
  const webhooks = await loadWebhooks()
  let intents = 0
  for (let round = 0; round < rounds; round++) {
    if (signal?.aborted) break
    const asks = webhooks.flatMap(webhook =>
      asksOf({ ...webhook, replay: `${run} ${round}`, now: clock.now() }, people),
    )
    intents += (await notifier.notifyMany(asks)).length
    onProgress?.({ rounds: round + 1, of: rounds, intents })
  }
  return { intents }
}

type Webhook = { event: string; payload: unknown; copy: number }
type Definition = { name: string; examples: { action?: string }[] }

/** Every example payload with its event, and which one of its event it is. */
async function loadWebhooks(): Promise<Webhook[]> {
  const definitions = (await import('@octokit/webhooks-examples', { with: { type: 'json' } })) as unknown as {
    default: Definition[]
  }
  const copies = new Map<string, number>()
  return definitions.default.flatMap(({ name, examples }) =>
    examples.map(payload => {
      const event = payload.action === undefined ? name : `${name}.${payload.action}`
      const copy = copies.get(event) ?? 0
      copies.set(event, copy + 1)
      return { event, payload, copy }
    }),
  )
}
