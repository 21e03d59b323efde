import type { EpochMs } from '#contracts/ids.ts'

/** A set is closed when it would hold more recipients than this, or when its first message has waited long enough. */
const recipientsMax = 500
/** A message that does not say how many recipients it names is taken for one with so many bytes for each. */
const bytesForEach = 100
/** A message that names fewer is taken for one with so many bytes for each: a set of several has 500 kB at most. */
const bytesForEachMax = 1_000

export type Collected = {
  publishedAt: EpochMs
  data: { length: number }
  attributes: Readonly<Record<string, string>>
  /** Empty: in no order. */
  orderingKey: string
  nack(): void
}
/** What became of a set: `given back` when any message of it was nacked. */
export type Worked = 'done' | 'given back'

export type Collector<Message> = AsyncDisposable & {
  push(message: Message): void
  /** Publish time of the oldest message that is neither acked nor nacked; undefined when there is none. */
  oldest(): EpochMs | undefined
}

/**
 * Gathers pulled messages into sets and works on up to `parallel` sets at once. While all are busy the next set grows,
 * so that the busier the router, the fuller its sets. Messages of one ordering key are worked on in their order: what
 * comes after one that is in a set waits for that set, and is given back with it, because the order goes on from the
 * first message that is given back. `work` must not reject.
 */
export function collect<Message extends Collected>(options: {
  waitMs: number
  parallel: number
  work: (messages: Message[]) => Promise<Worked>
}): Collector<Message> {
  let waiting: Message[] = []
  let recipientsWaiting = 0
  /** Ordering keys that sets are working on, and what came after. */
  const behind = new Map<string, Message[]>()
  const working = new Set<Message[]>()
  const running = new Set<Promise<void>>()
  let timer: NodeJS.Timeout | undefined
  /** The oldest waiting message has waited long enough. */
  let due = false

  const workOn = async (set: Message[], keys: ReadonlySet<string>) => {
    const worked = await options.work(set)
    working.delete(set)
    const followers = [...keys].flatMap(key => behind.get(key)!)
    for (const key of keys) behind.delete(key)
    if (worked === 'done') resume(followers)
    else for (const message of followers) message.nack()
  }
  const start = () => {
    while (waiting.length > 0 && running.size < options.parallel && (due || recipientsWaiting >= recipientsMax)) {
      const set = takeSet(waiting)
      const keys = new Set(set.map(message => message.orderingKey).filter(key => key !== ''))
      for (const key of keys) behind.set(key, [])
      if (keys.size > 0) waiting = waiting.filter(message => !waitsBehind(message))
      recipientsWaiting = recipientsOf(waiting)
      if (waiting.length === 0) due = false
      working.add(set)
      const run = workOn(set, keys).finally(() => {
        running.delete(run)
        start()
      })
      running.add(run)
    }
    if (waiting.length > 0 && !due) timer ??= setTimeout(ripen, options.waitMs)
  }
  const waitsBehind = (message: Message): boolean => behind.get(message.orderingKey)?.push(message) !== undefined
  const resume = (messages: Message[]) => {
    if (messages.length === 0) return
    waiting = [...messages, ...waiting]
    recipientsWaiting += recipientsOf(messages)
    due = true
  }
  const ripen = () => {
    timer = undefined
    due = true
    start()
  }
  return {
    push(message) {
      if (waitsBehind(message)) return
      waiting.push(message)
      recipientsWaiting += sizeOf(message)
      start()
    },
    oldest: () => oldestOf(...working, ...behind.values(), waiting),
    async [Symbol.asyncDispose]() {
      clearTimeout(timer)
      ripen()
      while (running.size > 0) await Promise.all(running)
    },
  }
}

function sizeOf({ attributes, data }: Collected): number {
  const said = Number(attributes.recipients)
  if (!(said > 0 && Number.isFinite(said))) return Math.max(1, Math.floor(data.length / bytesForEach))
  return Math.max(1, said, Math.floor(data.length / bytesForEachMax))
}

const recipientsOf = (messages: readonly Collected[]): number =>
  messages.reduce((sum, message) => sum + sizeOf(message), 0)

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
