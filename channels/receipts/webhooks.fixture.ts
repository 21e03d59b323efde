import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import type { EventPack } from '#contracts/event.ts'
import { setup as startSimulators } from '#local/simulators/test-setup.ts'
import { signedEvents } from '#local/simulators/sendgrid-events.ts'
import { signedForm } from '#local/simulators/twilio-callbacks.ts'
import { addressHash } from '#preferences/preferences.ts'
import { createHttp, listen } from '#runtime/http.ts'
import { until } from '#tests/program.ts'
import { signedAttempt } from '../attempt-signature.ts'
import { sendgridProvider } from '../email/sendgrid.ts'
import { twilioProvider } from '../sms/twilio.ts'
import { createWorld, device, greeting, mailbox, type Written } from '../world.fixture.ts'
import { webhooksApi } from './webhooks.ts'

export const publicUrl = 'https://bell.example'
const type: typeof greeting = {
  ...greeting,
  deliver: [{ channel: 'sms' }, { channel: 'email' }, { channel: 'push', after: '1h', unless: 'delivered' }],
}
const phone = (address: string) => device(address, { id: 'sms', channel: 'sms', provider: 'twilio' })
export const numbers: Record<string, string> = { anna: '+15005551001', ben: '+15005551002', cem: '+15005551003' }

/** A pair as SendGrid makes them, in PEM. */
export const newKeys = () =>
  generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })

/** A worker, people with a mailbox and a number each, and the API that the simulators report to. */
export async function setup() {
  await using opened = new AsyncDisposableStack()
  const world = opened.use(await createWorld({ types: [type] }))
  const simulators = opened.use(await startSimulators())
  const { db, deps } = world
  const { sendgrid, twilio } = simulators.credentials
  const secret = deps.addressKey
  const former = newKeys()
  const app = createHttp({ log: deps.log, metrics: deps.metrics, bodyLimitBytes: 1024 * 1024 })
  const applying = webhooksApi(app, {
    ...{ ...deps, secret, replies: { brand: 'Acme & Co', help: 'Help: example.com' } },
    trust: {
      twilio: { url: () => `${publicUrl}/webhooks/twilio`, tokens: ['another token', twilio.authToken] },
      sendgrid: { keys: [createPublicKey(former.publicKey), createPublicKey(sendgrid.webhook.publicKey)] },
    },
  })
  const url = await listen(app, { port: 0, host: '127.0.0.1' })
  opened.use(applying)
  opened.defer(() => app.close())
  simulators.receipts.pointTo({})
  world.use(
    sendgridProvider({
      ...{ apiKey: sendgrid.apiKey, from: 'us@example.com', baseUrl: `http://127.0.0.1:${simulators.ports.sendgrid}/` },
    }),
  )
  const callback = { url: `${publicUrl}/webhooks/twilio`, secret }
  world.use(twilioProvider({ ...twilio, baseUrl: `http://127.0.0.1:${simulators.ports.twilio}`, callback }))
  for (const id of ['anna', 'ben', 'cem'])
    await world.addPerson(id, { endpoints: [mailbox(`${id}@example.com`), phone(numbers[id]!)] })
  const running = opened.move()
  const post = (path: string, { headers, body }: { headers: Record<string, string>; body: string }) =>
    fetch(new URL(path, url), { method: 'POST', headers, body })
  return {
    ...{ ...world, simulators, url, post, secret, former },
    /** From now on the simulators report. */
    report: () => simulators.receipts.pointTo({ sendgrid: `${url}/webhooks/sendgrid`, twilio: url }),
    /** Events as SendGrid posts them, signed now. */
    events: (events: unknown) =>
      post('/webhooks/sendgrid', signedEvents(JSON.stringify(events), sendgrid.webhook.privateKey)),
    /** A status callback for an attempt. */
    status: (attempt: string, form: Record<string, string>) => {
      const query = signedAttempt({ attempt, delivery: 'd', secret })
      const { authToken } = twilio
      return post(`/webhooks/twilio?${query}`, signedForm({ url: `${callback.url}?${query}`, form, authToken }))
    },
    applied: () =>
      until(async () => {
        const [row] = await db.query<{ n: number }>(`select count(*)::int as n from receipts where applied_at is null`)
        return row!.n === 0
      }),
    /** `anna delivered`, by the packs that the sink would store: each name once. */
    async told() {
      const rows = await db.query<{ payload: string }>(`select payload from outbox order by id`)
      const packs = rows.map(row => JSON.parse(row.payload) as EventPack).filter(({ kind }) => kind === 'standing')
      const once = new Map(packs.map(pack => [`${pack.day} ${pack.pack}`, pack]))
      return [...once.values()].flatMap(({ slots }) => slots.map(one => `${one.recipient} ${one.what}`)).sort()
    },
    attempts: async () => {
      const rows = await db.query<{ recipient: string; id: string }>(
        `select recipient, batch_id || '.' || slot as id from deliveries order by batch_id, slot`,
      )
      return Object.fromEntries(rows.map(({ recipient, id }) => [recipient, id])) as Record<string, string>
    },
    isSuppressed: async (address: { channel: 'sms' | 'email'; address: string }) => {
      const hash = addressHash(deps.addressKey, address)
      return (await db.query(suppressionOf, [hash])).length === 1
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

const suppressionOf = `select from suppressions
  where hash = $1 and (stopped_at is not null or expires_at is null or expires_at > now())`

export const mails = (...who: string[]): Written => ({
  ...{ channel: 'email', provider: 'sendgrid' },
  to: who.map(recipient => ({ recipient, endpoint: 'mail' })),
})
export const texts = (...who: string[]): Written => ({
  ...{ channel: 'sms', provider: 'twilio' },
  to: who.map(recipient => ({ recipient, endpoint: 'sms' })),
})
export const event = (attempt: string, word: string, more: object = {}) => ({
  ...{ email: 'anna@example.com', event: word, sg_event_id: `${word}-${attempt}`, sg_message_id: 'm1.recvd-1' },
  ...{ timestamp: Math.floor(Date.now() / 1000), attempt_id: attempt, ...more },
})
