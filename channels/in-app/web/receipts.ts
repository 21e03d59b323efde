import { rootOf } from '#browser/access.ts'
import { now } from './clock.ts'

/** What a push carries, by whatever provider; only `receipt` is looked at. */
export type PushData = { readonly receipt?: string } | null | undefined
/** What happened to a push, and when by the device's clock. */
export type WaitingReceipt = { token: string; event: 'shown' | 'opened' | 'dismissed' | 'acted'; at: string }
/** Keeps what could not be said yet. */
export type ReceiptStore = { load(): Promise<WaitingReceipt[]>; save(receipts: WaitingReceipt[]): Promise<unknown> }
export type WebReceipts = {
  shown(data: PushData): Promise<void>
  opened(data: PushData): Promise<void>
  dismissed(data: PushData): Promise<void>
  acted(data: PushData): Promise<void>
  /** Says what waits. */
  flush(): Promise<void>
}

/** The API takes so many at once. */
const receiptsMax = 100
/** Of a device that is offline for long the newest are kept. */
const keptMax = 500
const sendLimitMs = 10_000

/**
 * Reports what becomes of pushes, in pages and service workers. `url`: where Carillon's API is, if not where this code comes from. `store` keeps what could not be said yet; absent: the browser's
 * Cache Storage, which pages and service workers of an origin share. Each function takes the data of a push (its `receipt` is all that
 * is looked at), remembers what happened and when, and tries to say it: hand its promise to `event.waitUntil`. It never
 * rejects; what cannot be said now goes with the next report, or with `flush()`, when the device is online.
 */
export function createReceipts({
  url = rootOf(),
  store = cacheStore(),
}: { url?: string; store?: ReceiptStore } = {}): WebReceipts {
  const endpoint = `${rootOf(url)}/v1/receipts`
  let line: Promise<void> = Promise.resolve()
  /** One after the other: two at once would each save the other's away. */
  const inLine = (work: () => Promise<unknown>): Promise<void> =>
    (line = line.then(() => alone(work)).then(nothing, nothing))
  const flush = () =>
    inLine(async () => {
      for (let waiting = await store.load(); waiting.length > 0; waiting = await store.load()) {
        const lot = waiting.slice(0, receiptsMax)
        if (!(await isTaken(endpoint, lot))) return
        await store.save(waiting.slice(lot.length))
      }
    })
  const report = (event: WaitingReceipt['event'], data: PushData) => {
    const token = data?.receipt
    if (typeof token !== 'string' || token === '') return flush()
    const said = { token, event, at: new Date(now()).toISOString() }
    void inLine(async () => store.save([...(await store.load()), said].slice(-keptMax)))
    return flush()
  }
  return {
    shown: data => report('shown', data),
    opened: data => report('opened', data),
    dismissed: data => report('dismissed', data),
    acted: data => report('acted', data),
    flush,
  }
}

/** What the API refuses as wrong will never be taken, and goes as well; what it may take later (404, 429, 5xx, offline) stays. */
async function isTaken(endpoint: string, receipts: readonly WaitingReceipt[]): Promise<boolean> {
  const { status } = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ receipts }),
    credentials: 'omit',
    keepalive: true,
    signal: AbortSignal.timeout(sendLimitMs),
  })
  return status !== 404 && status !== 429 && status < 500
}

/** Pages and the service worker keep one list: where the browser has locks, they change it one after the other as well. */
function alone(work: () => Promise<unknown>): Promise<unknown> {
  const { locks } = navigator as { locks?: LockManager }
  return locks ? locks.request('carillon-receipts', work) : work()
}

const place = '/carillon-receipts'

const nothing = (): void => {}

function cacheStore(): ReceiptStore {
  const opened = () => caches.open('carillon')
  return {
    load: async () => ((await (await (await opened()).match(place))?.json()) as WaitingReceipt[] | undefined) ?? [],
    save: async (receipts: WaitingReceipt[]) => (await opened()).put(place, new Response(JSON.stringify(receipts))),
  }
}
