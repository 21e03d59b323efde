import type { EpochMs } from '#contracts/ids.ts'
import type { PulledMessage } from '#runtime/pubsub.ts'

/** When a set is full, or old enough to go as it is. */
export type SetLimits = { bytesMax: number; messagesMax: number; ageMaxMs: number }

export type Gathering = {
  add(message: PulledMessage): void
  /** Sets in order of arrival, one at a time; ends when `stopping` and nothing is left. */
  sets(): AsyncGenerator<PulledMessage[]>
  /** When the oldest message was published that waits or is in the set last given; undefined when there is none. */
  oldest(): EpochMs | undefined
}

/** Gathers messages into sets. Memory is bounded by whoever adds: the subscription's limit of unacked messages. */
export function gather(limits: SetLimits, stopping: AbortSignal): Gathering {
  const waiting: PulledMessage[] = []
  let given: PulledMessage[] = []
  let bytes = 0
  let ripe = Promise.withResolvers<void>()
  let timer: NodeJS.Timeout | undefined

  const schedule = () => {
    if (bytes >= limits.bytesMax || waiting.length >= limits.messagesMax || stopping.aborted) ripe.resolve()
    else if (waiting.length > 0) timer ??= setTimeout(() => ripe.resolve(), limits.ageMaxMs)
  }
  const take = (): PulledMessage[] => {
    clearTimeout(timer)
    timer = undefined
    ripe = Promise.withResolvers()
    let size = 0
    let count = 0
    while (count < waiting.length && count < limits.messagesMax && size < limits.bytesMax)
      size += waiting[count++]!.data.length
    bytes -= size
    return waiting.splice(0, count)
  }
  stopping.addEventListener('abort', schedule, { once: true })
  return {
    add(message) {
      waiting.push(message)
      bytes += message.data.length
      schedule()
    },
    async *sets() {
      for (;;) {
        schedule()
        await ripe.promise
        given = take()
        if (given.length === 0) return
        yield given
        given = []
      }
    },
    oldest: () =>
      [...given, ...waiting].reduce<number | undefined>(
        (oldest, { publishedAt }) => Math.min(oldest ?? publishedAt, publishedAt),
        undefined,
      ),
  }
}
