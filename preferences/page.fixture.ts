import { generateKeyPairSync } from 'node:crypto'
import path from 'node:path'
import type { Offer } from '#contracts/preferences.ts'
import { type Clock, systemClock } from '#runtime/clock.ts'
import { serveBrowserCode } from '#runtime/browser-code.ts'
import { createHttp, listen } from '#runtime/http.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { serveUsers } from '#runtime/user-requests.ts'
import { mintUserToken, type User, type UserScope } from '#runtime/user-tokens.ts'
import { changeChoices } from './choice-store.ts'
import { hostedPage } from './hosted-page.ts'
import { meApi } from './me-api.ts'
import { pageLinkTokens, pageLinkUser } from './page-link.ts'
import { createStores, device, mailbox } from './store.fixture.ts'
import { putTenant } from './tenant-store.ts'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const secret = 'a secret that only tests have, and nobody else'

const cells = (...names: string[]) =>
  (['push', 'sms', 'email', 'in_app'] as const)
    .filter(channel => names.some(name => name.replace('!', '') === channel))
    .map(channel => ({ channel, mandatory: names.includes(`${channel}!`) }))

export const offers: readonly Offer[] = [
  { category: 'mentions', channels: cells('push', 'email', 'in_app') },
  { category: 'replies', channels: cells('push', 'email', 'in_app') },
  { category: 'reviews', channels: cells('push', 'email', 'in_app') },
  { category: 'builds', channels: cells('push', 'sms', 'email', 'in_app') },
  { category: 'billing', channels: cells('sms', 'email') },
  { category: 'security', channels: cells('push!', 'sms!', 'email!') },
]

type PageOptions = { clock?: Clock; offers?: readonly Offer[] }

/** The page and the API for people on a port of their own, on a real database. */
export async function createPage({ clock = systemClock, offers: given = offers }: PageOptions = {}) {
  await using opened = new AsyncDisposableStack()
  const stores = opened.use(await createStores())
  const { db } = stores
  const app = createHttp({
    log: createLog({ role: 'test', write() {} }),
    metrics: createMetrics(),
    bodyLimitBytes: 99_999,
  })
  const keys = [{ kid: 'k', key: publicKey }]
  const linkUser = (link: string, now: number) => pageLinkUser(link, { secret, now })
  const origins: string[] = []
  const users = serveUsers(app, { keys, audience: 'carillon', clock, origins, linkUser })
  meApi(app, { db, clock, users, offers: given })
  hostedPage(app)
  serveBrowserCode(app, { preferences: path.join(import.meta.dirname, 'page') })
  const url = await listen(app, { port: 0, host: '127.0.0.1' })
  const productUrl = url.replace('127.0.0.1', 'localhost')
  origins.push(productUrl)
  opened.defer(() => app.close())
  const running = opened.move()
  return {
    ...stores,
    url,
    /** Another origin, whose pages may call this one. */
    productUrl,
    linkOf: (user: User, now = clock.now()) => `${url}/preferences/${pageLinkTokens([user], { secret, now })[0]}`,
    tokenOf: (user: User, scopes: readonly UserScope[] = ['preferences']) =>
      mintUserToken(user, { key: privateKey, kid: 'k', audience: 'carillon', now: clock.now(), scopes }),
    /** What a person prefers, changed elsewhere. */
    change: (recipient: string, patch: Parameters<typeof changeChoices>[2]) =>
      changeChoices({ db, now: clock.now() }, recipient, patch),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
export type Page = Awaited<ReturnType<typeof createPage>>

const hourMs = 3_600_000

/** Somebody about whom there is something to show everywhere. */
export async function withAnn(page: Page, { id = 'ann', now = Date.now() } = {}): Promise<User> {
  const ann = { recipient: id, tenant: 'acme' }
  const locks = { billing: { email: true }, builds: { sms: false } }
  const quiet = { start: '22:00', end: '07:00' }
  await putTenant(page.db, {
    id: 'acme',
    tenant: { zone: 'Europe/Berlin', locks, defaults: { replies: { email: false } }, quiet },
    now,
  })
  const phone = { ...device(`fcm-token-of-a-pixel-of-${id}`, 'pixel-9'), app: 'Pixel 9' }
  const old = { ...device(`fcm-token-of-a-tablet-of-${id}`, 'tablet'), app: 'Old tablet' }
  await page.upsert(now - 20 * 24 * hourMs, {
    id,
    tenant: 'acme',
    endpoints: [phone, old, mailbox('ann@mail.example')],
  })
  await page.mark({ recipient: id, endpoint: 'tablet', state: 'dead', reason: 'unregistered', at: now - hourMs })
  await page.change(id, { categories: { reviews: { email: false } } })
  await page.change(id, { threads: { 'Release 4.2 checklist': true, 'Lunch on Friday': now + 20 * hourMs } })
  await page.change(id, { levels: { room: { general: { level: 'mentions' } } } })
  return ann
}
