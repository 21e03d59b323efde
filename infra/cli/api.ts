import path from 'node:path'
import { analyticsApi } from '#analytics/api.ts'
import { analyticsPages, dashboardFolder } from '#analytics/pages.ts'
import { traceApi } from '#analytics/trace-api.ts'
import { inboxApi } from '#channels/in-app/inbox-api.ts'
import { markInboxItems } from '#channels/in-app/inbox-store.ts'
import { openInboxStreams } from '#channels/in-app/inbox-streams.ts'
import { clicksApi } from '#channels/receipts/clicks.ts'
import { tellSuccess } from '#channels/receipts/deeds.ts'
import { deviceReceiptsApi } from '#channels/receipts/device-receipts.ts'
import { plainBrand } from '#channels/email/layout.ts'
import { webhooksApi, type WebhookTrust } from '#channels/receipts/webhooks.ts'
import type { Replies } from '#channels/sms/replies.ts'
import type { Offer } from '#contracts/preferences.ts'
import { logAct } from '#ledger/operator-log.ts'
import { operatorsApi } from '#operators/operators-api.ts'
import { prunesApi } from '#operators/prunes-api.ts'
import { quarantineApi } from '#operators/quarantine-api.ts'
import { preferencesApi } from '#preferences/api.ts'
import { respellSubscriptions } from '#preferences/respell.ts'
import { shownEndpoint } from '#preferences/endpoints-api.ts'
import { readPeople } from '#preferences/preferences.ts'
import { listPrunes } from '#preferences/prune-acts.ts'
import { engagementApi } from '#preferences/engagement-api.ts'
import { hostedPage } from '#preferences/hosted-page.ts'
import { meApi } from '#preferences/me-api.ts'
import { pageLinkUser } from '#preferences/page-link.ts'
import { unsubscribeApi } from '#preferences/unsubscribe-api.ts'
import { intentsApi } from '#producers/http/intents-api.ts'
import { simulateApi } from '#producers/http/simulate-api.ts'
import { producerOf, type Scope } from '#producers/http/producer-tokens.ts'
import { openPublisher } from '#producers/sdk/publisher.ts'
import type { PublisherLogLine } from '#producers/sdk/publisher-log.ts'
import { serveBrowserCode } from '#runtime/browser-code.ts'
import { createHttp, type FastifyInstance, listen, serveOperations } from '#runtime/http.ts'
import type { Metrics } from '#runtime/metrics.ts'
import { type Database, openPostgres } from '#runtime/postgres.ts'
import { serveUsers, type Users } from '#runtime/user-requests.ts'
import type { UserKey } from '#runtime/user-tokens.ts'
import { simulate } from '#router/simulate.ts'
import { offersOf, successesOf } from './catalogue-from.ts'
import type { Installation } from './installation.ts'
import { erasePerson } from './person.ts'
import { pacedProviders } from './pacings.ts'
import { actOnPrunes } from './prunes.ts'
import { retract } from './retract.ts'
import { unreadiness } from './roles.ts'

export type ApiOptions = {
  host: string
  port: number
  metrics: Metrics
  /** Proxies in front of it. Absent: none. */
  proxies?: number
  /** For more people than this a second operator must agree. Default: 10,000. */
  approvalAbove?: number
  /** Groups of fewer are not told to analysts. Default: 5. */
  groupMin?: number
  /** Addresses are hashed with it. */
  publisherLog?: (line: PublisherLogLine) => void
  /** What reports of providers are believed by, of an API at this URL. Absent: none is listened to. */
  trust?: (apiUrl: () => string) => WebhookTrust
  /** What people are answered who text us. Absent: as an installation that says nothing of itself. */
  replies?: Replies
  /** By which tokens of people are believed, and the origins of the pages that may use them. Absent: none. */
  people?: { keys: readonly UserKey[]; origins: readonly string[] }
  /** What is served besides. */
  also?: (app: FastifyInstance) => void
}

const bodyBytesMax = 1024 * 1024
type Asked = { headers: { authorization?: string | undefined } }

/** Serves every API of the installation on one port, with health and metrics. Disposing finishes open requests. */
export async function serveApi(
  installation: Installation,
  options: ApiOptions,
): Promise<AsyncDisposable & { url: string }> {
  const { db, clock, log, catalogue, addresses, prefix } = installation
  const { metrics, host, port, publisherLog, proxies, approvalAbove = 10_000, groupMin = 5 } = options
  const app = createHttp({ log, metrics, bodyLimitBytes: bodyBytesMax, proxies })
  const publisher = openPublisher({ ...addresses.pubsub, prefix })
  intentsApi(app, {
    ...{ catalogue, publisher, db, retract: intent => retract(db, { ...intent, now: clock.now() }) },
    ...(publisherLog && { publisherLog }),
  })
  simulateApi(app, { catalogue, db, clock, simulate: supposed => simulate(installation, supposed) })
  const authorize = (scope: Scope) => async (request: Asked) => void (await producerOf(db, request.headers, scope))
  const questions = await serveQuestions(app, installation, groupMin)
  const offers = offersOf(catalogue)
  const categories = offers.map(({ category }) => category)
  preferencesApi(app, {
    ...{ db, clock, addressKey: installation.addressKey, categories },
    erase: recipient => erasePerson(db, { recipient, now: clock.now(), tell: installation.signals.tell }),
    authorize: authorize('people'),
    producerOf: request => producerOf(db, request.headers, 'people'),
  })
  const users = openToPeople(app, { installation, offers, people: options.people })
  const { signals } = installation
  const streams = openInboxStreams({ db, signals, catalogue, clock, log })
  inboxApi(app, { ...{ db, clock, catalogue, users, streams }, tell: signals.tell })
  engagementApi(app, {
    ...{ db, clock, markInbox: markInboxItems, tell: signals.tell, successes: successesOf(catalogue) },
    tellSuccess: tellSuccess(catalogue),
    authorize: authorize('people'),
    producerOf: request => producerOf(db, request.headers, 'intents'),
  })
  let url = ''
  const reports = hearTheWorld(app, { installation, options, apiUrl: () => url })
  const operatorOf = async (request: Asked, scope: Scope) => ({
    name: (await producerOf(db, request.headers, scope)).producer,
  })
  operatorsApi(app, { db, catalogue, operatorOf, paced: () => pacedProviders(db) })
  quarantineApi(app, { db, clock, approvalAbove, operatorOf })
  prunesApi(app, {
    ...{ list: () => listPrunes(db), settle: (by, doing) => actOnPrunes(installation, by, doing) },
    operatorOf,
  })
  options.also?.(app)
  serveOperations(app, { metrics, readiness: () => unreadiness(installation) })
  url = await listen(app, { host, port })
  const closing = new AbortController()
  const spelling = { db, addressKey: installation.addressKey, now: clock.now() }
  const respelling = respellSubscriptions(spelling, closing.signal).catch((error: unknown) =>
    log.error({ error }, 'subscriptions of browsers keep an old spelling: the next start tries again'),
  )
  return {
    url,
    async [Symbol.asyncDispose]() {
      closing.abort()
      await respelling
      // Before the server, which waits for what is open.
      await streams[Symbol.asyncDispose]()
      await app.close()
      await reports[Symbol.asyncDispose]()
      await publisher[Symbol.asyncDispose]()
      await questions[Symbol.asyncDispose]()
    },
  }
}

/** Questions that are asked at once of one process; more wait for them. */
const questionsMax = 4

/** What analysts and support ask: by connections of their own, so that intents and receipts never wait for an answer. */
async function serveQuestions(app: FastifyInstance, installation: Installation, groupMin: number): Promise<Database> {
  const { db, clock, addresses } = installation
  const asked = await openPostgres({ url: addresses.databaseUrl, connectionsMax: questionsMax, name: 'questions' })
  const readerOf = (scope: Scope) => async (request: Asked) => {
    const { producer: name, tenant } = await producerOf(db, request.headers, scope)
    return { name, tenant }
  }
  analyticsApi(app, { db: asked, clock, readerOf: readerOf('analytics'), groupMin })
  traceApi(app, {
    db: asked,
    readerOf: readerOf('trace'),
    logLook: ({ who, about }) => logAct(db, { who, what: 'trace', about }),
    addressesOf: async (recipient, tenant) => {
      const person = (await readPeople(db, [recipient])).get(recipient)!
      // Addresses are a person's, of whatever tenant they are told in.
      if (tenant !== undefined && tenant !== person.tenant) return []
      return person.endpoints.map(endpoint => shownEndpoint(endpoint, clock.now()))
    },
  })
  analyticsPages(app)
  return asked
}

/** What is said to us without a token of a producer or a person: by devices, links of mails, providers, and texts. */
function hearTheWorld(
  app: FastifyInstance,
  { installation, options, apiUrl }: { installation: Installation; options: ApiOptions; apiUrl: () => string },
): AsyncDisposable {
  const { db, catalogue, clock, log, signals, addressKey } = installation
  const { metrics, replies = { brand: plainBrand.name } } = options
  const receipts = { db, catalogue, clock, metrics, tell: signals.tell, secret: addressKey }
  deviceReceiptsApi(app, receipts)
  clicksApi(app, receipts)
  unsubscribeApi(app, receipts)
  return webhooksApi(app, { ...receipts, addressKey, log, replies, trust: options.trust?.(apiUrl) ?? {} })
}

/** The page for people and its API, and who may use what is theirs. */
function openToPeople(
  app: FastifyInstance,
  {
    installation,
    offers,
    people,
  }: Pick<ApiOptions, 'people'> & { installation: Installation; offers: readonly Offer[] },
): Users {
  const { db, clock, prefix, addressKey: secret } = installation
  const { keys, origins } = people ?? { keys: [], origins: [] }
  const linkUser = (link: string, now: number) => pageLinkUser(link, { secret, now })
  const users = serveUsers(app, { keys, origins, audience: prefix, clock, linkUser })
  hostedPage(app)
  const folderOf = (folder: string) => path.resolve(import.meta.dirname, '../..', folder)
  serveBrowserCode(app, {
    ...{ preferences: folderOf('preferences/page'), inbox: folderOf('channels/in-app/web') },
    dashboard: dashboardFolder,
  })
  meApi(app, { db, clock, users, offers })
  return users
}
