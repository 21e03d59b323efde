import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Catalogue } from '#contracts/catalogue.ts'
import type { EpochMs } from '#contracts/ids.ts'
import type { Intent } from '#contracts/intent.ts'
import type { EntryOf } from './define-notification.ts'
import { type Notifier, notifierOver } from './notifier.ts'
import { parseIntent } from '#contracts/intent.ts'

export type TestNotifier = Notifier & {
  /** What was notified so far, in order, as a router would read it. */
  readonly intents: readonly Intent[]
  /** The intents of one type; their `data` is what its templates would see. */
  intentsOf<Schema extends StandardSchemaV1>(
    type: EntryOf<Schema>,
  ): (Omit<Intent, 'data'> & { data: StandardSchemaV1.InferOutput<Schema> })[]
  clear(): void
}

/**
 * A notifier for a team's own unit tests: checks what it is given exactly as the real one does, sends nothing, records the
 * intents. `at` is its clock, default 2026-01-01T00:00Z.
 */
export function createTestNotifier(
  catalogue: Catalogue,
  { at = Date.UTC(2026, 0) }: { at?: EpochMs } = {},
): TestNotifier {
  const intents: Intent[] = []
  const notifier = notifierOver(
    {
      async publish({ bytes }) {
        const parsed = parseIntent(bytes)
        if (!parsed.ok) throw new Error(`a router would refuse this intent: ${parsed.problems.join('; ')}`)
        intents.push(parsed.intent)
      },
      async [Symbol.asyncDispose]() {},
    },
    { producer: 'test', catalogue, clock: { now: () => at } },
  )
  return {
    ...notifier,
    intents,
    intentsOf: type => intents.filter(intent => intent.type === type.type),
    clear: () => void intents.splice(0),
  }
}
