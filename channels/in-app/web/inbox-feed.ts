import type { InboxChanges, InboxCounts, InboxItem, InboxMarks, InboxPage, InboxQuery } from '#contracts/inbox.ts'
import { type Call, CarillonError } from '#browser/access.ts'
import { type Model, modelOf, withChanges, withMarks, withOlder } from './inbox-model.ts'
import { readStream } from './inbox-stream.ts'

/** What there is to show. `live`: it is kept so; else it is what was known last, and is tried again by itself, but for `signedOut`. */
export type InboxState = {
  status: 'loading' | 'live' | 'offline' | 'signedOut'
  query: InboxQuery
  /** The newest first. */
  items: readonly InboxItem[]
  counts: InboxCounts
  /** How many have come since they are listened to. */
  arrived: number
  hasMore: boolean
}

/** `model`: what the server told last. `marks`: what it does not have in it yet; `number`: the one they were saved by, once they are. */
type Now = { status: InboxState['status']; query: InboxQuery; model: Model | undefined; marks: readonly Marked[] }
type Marked = { marks: InboxMarks; number: number }
export type Feed = {
  now(): Now
  /** Shows these as done from now on. What it gives is told the number that they were saved by, or nothing where they were not. */
  mark(marks: InboxMarks): (number?: number) => void
  load(): Promise<void>
  more(): Promise<void>
  show(query: InboxQuery): void
  start(): void
  stop(): void
}

export const inboxPath = '/v1/me/inbox'
const pageSize = 20
const waitFirstMs = 1_000
const waitMostMs = 30_000

/** Who asks, and for which tenant; undefined: all that the token is of. */
export type InboxAccess = { call: Call; renew: () => void; tenant?: string | undefined }

/** What is known of the inbox, from its start to its stop kept so by a stream. */
export function feedOf({ call, renew, tenant }: InboxAccess, tell: (state: InboxState) => void): Feed {
  const now: Now = { status: 'loading', query: {}, model: undefined, marks: [] }
  let running: AbortController | undefined
  const set = (change: Partial<Now>) => {
    Object.assign(now, change)
    now.marks = now.marks.filter(({ number }) => number > (now.model?.number ?? 0))
    tell(stateOf(now))
  }
  const page = async (cursor?: string): Promise<InboxPage> =>
    (
      await call(`${inboxPath}?${searchOf({ limit: pageSize, ...now.query, tenant, cursor })}`)
    ).json() as Promise<InboxPage>
  const load = async (): Promise<void> => {
    const { query, model } = now
    const found = await page()
    if (query !== now.query) return
    // Meanwhile the stream told of more, and this is how it was before.
    if (now.model && now.model !== model && found.number < now.model.number) return load()
    set({ model: modelOf(found, query) })
  }
  const stop = () => {
    running?.abort()
    running = undefined
  }
  const start = () => {
    if (running) return
    running = new AbortController()
    void keepLive({ call, renew, tenant, now, set, load, stop }, running.signal)
  }
  return {
    now: () => now,
    mark(marks) {
      const mine = { marks, number: Infinity }
      set({ marks: [...now.marks, mine] })
      return number => {
        const others = now.marks.filter(one => one !== mine)
        set({ marks: number === undefined ? others : [...others, { marks, number }] })
      }
    },
    load,
    async more() {
      const { model } = now
      if (model?.cursor === undefined) return
      const older = await page(model.cursor)
      if (now.model?.cursor !== model.cursor || now.query !== model.query) return
      // Meanwhile the stream told of more, perhaps of these, and this is how they were before.
      if (older.number < now.model.number) return this.more()
      set({ model: withOlder(now.model, older) })
    },
    show(query) {
      // A page that was asked for under the same query before is not of this one.
      set({ status: 'loading', query: { ...query }, model: undefined })
      if (!running) return
      stop()
      start()
    },
    start,
    stop,
  }
}

type Live = InboxAccess & {
  now: Now
  set: (change: Partial<Now>) => void
  load: () => Promise<void>
  stop: () => void
}

async function keepLive(live: Live, signal: AbortSignal): Promise<void> {
  const { now, set, load, stop } = live
  let waitMs = waitFirstMs
  while (!signal.aborted)
    try {
      await looked(signal)
      if (!now.model) await load()
      if (signal.aborted) return
      const begun = performance.now()
      waitMs = (await follow(live, signal)) ?? waitMs
      if (performance.now() - begun > waitMostMs) waitMs = waitFirstMs
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof CarillonError && error.kind === 'signedOut') {
        stop()
        return set({ status: 'signedOut' })
      }
      set({ status: 'offline' })
      await pause(waitMs * (0.5 + Math.random() / 2), signal)
      waitMs = Math.min(waitMs * 2, waitMostMs)
    }
}

/** Until the token expires or nobody looks at the page; throws when the stream is gone before. */
async function follow({ call, renew, tenant, now, set, load }: Live, signal: AbortSignal): Promise<number | undefined> {
  const unwatched = new AbortController()
  const hide = () => document.visibilityState === 'hidden' && unwatched.abort()
  document.addEventListener('visibilitychange', hide)
  try {
    const how = {
      path: `${inboxPath}/stream?${searchOf({ tenant })}`,
      after: now.model!.number,
      signal: AbortSignal.any([signal, unwatched.signal]),
      opened: () => now.status === 'live' || set({ status: 'live' }),
    }
    for await (const { event, data, retry } of readStream(call, how)) {
      if (event === 'changes') set({ model: withChanges(now.model!, JSON.parse(data!) as InboxChanges) })
      else if (event === 'reset') await load()
      else if (event === 'expired') {
        renew()
        return undefined
      }
      // The server goes away, and says when another is to be asked.
      if (retry) return await pause(Number(retry), signal).then(() => waitFirstMs)
    }
  } catch (error) {
    if (!unwatched.signal.aborted) throw error
  } finally {
    document.removeEventListener('visibilitychange', hide)
  }
  if (unwatched.signal.aborted) return undefined
  throw new CarillonError('offline')
}

const none: InboxCounts = { unseen: 0, unread: 0 }
export function stateOf({ status, query, model: told, marks }: Now): InboxState {
  const model = told && marks.reduce((before, one) => withMarks(before, one.marks), told)
  return {
    ...{ status, query, items: model?.items ?? [] },
    ...{ counts: model?.counts ?? none, arrived: model?.arrived ?? 0 },
    hasMore: model?.cursor !== undefined,
  }
}

const searchOf = (query: InboxQuery & { tenant?: string | undefined }): string =>
  new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  ).toString()

/** Waits until the page is looked at: a browser has six connections to a server, and a tab behind others needs none of them. */
async function looked(signal: AbortSignal): Promise<void> {
  while (document.visibilityState === 'hidden') await heard(document, 'visibilitychange', signal)
}

/** For a time, or until the browser is online again. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await heard(window, 'online', AbortSignal.any([signal, AbortSignal.timeout(ms)])).catch(() => {})
}

const heard = (target: EventTarget, event: string, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    target.addEventListener(event, () => resolve(), { once: true, signal })
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
