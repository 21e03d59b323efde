import type { EpochMs } from '#contracts/ids.ts'

/** A set is closed when it would hold more recipients than this, or when its first message has waited long enough. */
const recipientsMax = 500
/** A message that does not say how many recipients it names is taken for one with so many bytes for each. */
const bytesForEach = 100

export type Collected = {
  publishedAt: EpochMs
  data: { length: number }
  attributes: Readonly<Record<string, string>>
}

export type Collector<Message> = AsyncDisposable & {
  push(message: Message): void
  /** Publish time of the oldest message that is neither acked nor nacked; undefined when there is none. */
  oldest(): EpochMs | undefined
}

/**
 * Gathers pulled messages into sets and works on up to `parallel` sets at once. While all are busy the next set grows,
 * so that the busier the router, the fuller its sets. `work` must not reject.
 */
export function collect<Message extends Collected>(options: {
  waitMs: number
  parallel: number
  work: (messages: Message[]) => Promise<void>
}): Collector<Message> {
  const waiting: Message[] = []
  let recipientsWaiting = 0
  const working = new Set<Message[]>()
  const running = new Set<Promise<void>>()
  let timer: NodeJS.Timeout | undefined
  /** The oldest waiting message has waited long enough. */
  let due = false

  const start = () => {
    while (waiting.length > 0 && running.size < options.parallel && (due || recipientsWaiting >= recipientsMax)) {
      const set = takeSet(waiting)
      recipientsWaiting -= set.reduce((sum, message) => sum + sizeOf(message), 0)
      if (waiting.length === 0) due = false
      working.add(set)
      const run = options.work(set).finally(() => {
        running.delete(run)
        working.delete(set)
        start()
      })
      running.add(run)
    }
    if (waiting.length > 0 && !due) timer ??= setTimeout(ripen, options.waitMs)
  }
  const ripen = () => {
    timer = undefined
    due = true
    start()
  }
  return {
    push(message) {
      waiting.push(message)
      recipientsWaiting += sizeOf(message)
      start()
    },
    oldest: () => oldestOf([...working].flat(), waiting),
    async [Symbol.asyncDispose]() {
      clearTimeout(timer)
      ripen()
      while (running.size > 0) await Promise.all(running)
    },
  }
}

function sizeOf({ attributes, data }: Collected): number {
  const said = Number(attributes.recipients)
  return Number.isFinite(said) && said > 0 ? said : Math.max(1, Math.floor(data.length / bytesForEach))
}

function takeSet<Message extends Collected>(waiting: Message[]): Message[] {
  let recipients = 0
  let n = 0
  while (n < waiting.length && (n === 0 || recipients + sizeOf(waiting[n]!) <= recipientsMax))
    recipients += sizeOf(waiting[n++]!)
  return waiting.splice(0, n)
}

const oldestOf = (...lists: readonly (readonly Collected[])[]): EpochMs | undefined =>
  lists
    .flat()
    .reduce<EpochMs | undefined>((oldest, { publishedAt }) => Math.min(oldest ?? publishedAt, publishedAt), undefined)
