import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { audit } from '#ledger/audit.ts'
import { liftSuppression, listSuppressions, addSuppressions } from '#preferences/suppression-acts.ts'
import { upsertRecipients } from '#preferences/recipient-store.ts'
import { addressHash } from '#preferences/preferences.ts'
import { tracesFolder } from '../servers.ts'
import { everyRow } from '#channels/receipts/every-row.fixture.ts'
import { numbers, publicUrl, setup as setupWebhooks, texts } from '#channels/receipts/webhooks.fixture.ts'
import { signedForm } from '#local/simulators/twilio-callbacks.ts'

type World = Awaited<ReturnType<typeof setup>>

/** With people who have registered their numbers. */
async function setup() {
  const world = await setupWebhooks()
  const { db, clock, deps } = world
  const register = (id: string, address: string, locale?: string) =>
    upsertRecipients({ db, addressKey: deps.addressKey, now: clock.now() }, [
      {
        ...{ id, ...(locale !== undefined && { locale, tenant: 'acme' }) },
        endpoints: [{ id: 'sms', channel: 'sms', provider: 'twilio', address }],
      },
    ])
  // The fixture writes people without the directory of addresses.
  await db.query(`update recipients set endpoints = null`)
  for (const [id, number] of Object.entries(numbers)) await register(id, number)
  const { authToken: own } = world.simulators.credentials.twilio
  const url = `${publicUrl}/webhooks/twilio/inbound`
  return {
    ...{ ...world, register },
    /** A text of somebody to us, or whatever form is posted as one. */
    text: (form: Record<string, string>, { authToken = own } = {}) =>
      world.post('/webhooks/twilio/inbound', signedForm({ url, form, authToken })),
  }
}

let messages = 0
const textOf = (from: string, body: string, more: Record<string, string> = {}) => ({
  ...{ MessageSid: `SM${++messages}`, From: from, To: '+15005550006', Body: body, NumMedia: '0', ...more },
})
/** What somebody is answered, or undefined. */
async function say(world: World, form: Record<string, string>): Promise<string | undefined> {
  const answer = await world.text(form)
  assert.equal(answer.status, 200)
  assert.match(answer.headers.get('content-type')!, /^text\/xml/)
  const said = await answer.text()
  assert.match(said, /^<\?xml version="1.0" encoding="UTF-8"\?><Response(\/>|><Message>[^<>]+<\/Message><\/Response>)$/)
  return /<Message>(.*)<\/Message>/.exec(said)?.[1]
}
const consent = ({ db }: World) =>
  db.query<{ line: string }>(
    `select concat_ws(' ', recipient, kind, channel, endpoint, wish, source) as line from consent_log where kind = 'suppression' order by id`,
  )
const lines = async (world: World) => (await consent(world)).map(one => one.line)
const anna = numbers.anna!

test('STOP ends all texts to a number, also those on the queue and of everybody who has it; START begins them again', async () => {
  await using world = await setup()
  // Another person, of another tenant, has the same number.
  await world.register('ann', anna, 'de-AT')
  const queued = await world.write(texts('anna', 'ann', 'ben'))
  assert.match((await say(world, textOf(anna, 'Opt out!')))!, /^Acme &amp; Co: Du bekommst keine SMS mehr/)
  await world.deliver(queued)
  assert.deepEqual(await world.ends(), { anna: 'suppressed_address', ann: 'suppressed_address', ben: 'sent' })
  const stopped = ['ann suppression 1 sms f sms', 'anna suppression 1 sms f sms']
  assert.deepEqual((await lines(world)).toSorted(), stopped)
  const { problems } = await audit(world.db)
  assert.deepEqual(problems, [], 'no claim that could see it sent')
  // Who registers it from now on does not get any either.
  await world.register('eve', anna)
  await world.deliver(await world.write(texts('eve')))
  assert.equal((await world.ends())['eve'], 'suppressed_address')
  assert.match((await say(world, textOf(anna, 'start')))!, /bekommst wieder SMS/)
  const again = ['anna', 'ann', 'eve'].map(recipient => ({ recipient, endpoint: 'sms', key: `${recipient} again` }))
  await world.deliver(await world.write({ ...texts('x'), to: again }))
  const sent = world.simulators.log.entries().filter(one => one.address === anna)
  assert.equal(sent.length, 3)
  assert.equal((await lines(world)).filter(line => line.endsWith(' t sms')).length, 3)
})

test('each text counts once: a copy, however late, changes nothing and is answered as before', async () => {
  await using world = await setup()
  const stop = textOf(anna, 'STOP')
  const first = await say(world, stop)
  assert.equal(first, 'Acme &amp; Co: You get no more texts from us. Reply START to get them again.')
  assert.equal(await say(world, textOf(anna, 'stop')), undefined, 'what is ended already is confirmed once')
  assert.ok(await world.isSuppressed({ channel: 'sms', address: anna }))
  const start = textOf(anna, 'START')
  const began = await say(world, start)
  assert.match(began!, /You get our texts again/)
  const before = await everyRow(world.db)
  const copies = await Promise.all([stop, stop, start, stop].map(form => say(world, form)))
  assert.deepEqual(copies, [first, first, began, first])
  assert.deepEqual(await everyRow(world.db), before)
  assert.equal(await world.isSuppressed({ channel: 'sms', address: anna }), false)
  const twins = textOf(anna, 'QUIT')
  const answers = await Promise.all(Array.from({ length: 5 }, () => say(world, twins)))
  assert.equal(new Set(answers).size, 1)
  assert.equal((await lines(world)).length, 3)
})

test('START takes back what STOP wrote, and nothing that was said otherwise', async () => {
  await using world = await setup()
  const store = { db: world.db, addressKey: world.deps.addressKey }
  const now = world.clock.now()
  const by = { now, source: 'operator' as const }
  const of = (who: string) => ({ channel: 'sms' as const, address: numbers[who]! })
  // Before STOP, for a while; and after it, for good.
  await addSuppressions(store, [{ ...of('anna'), reason: 'manual', until: Date.now() + 3_600_000 }], by)
  for (const who of ['anna', 'ben', 'cem']) assert.match((await say(world, textOf(numbers[who]!, 'STOP')))!, /no more/)
  await addSuppressions(store, [{ ...of('ben'), reason: 'complaint' }], by)
  const listed = await listSuppressions(store, { after: '', limit: 10 })
  assert.deepEqual(
    listed.suppressions.map(({ reason, source, expiresAt }) => [reason, source, expiresAt]),
    Array.from({ length: 3 }, () => ['stop', 'sms', null]),
  )
  assert.equal(await say(world, textOf(anna, 'START')), undefined, 'it is still not used: nothing is confirmed')
  assert.equal(await say(world, textOf(numbers.ben!, 'START')), undefined)
  assert.match((await say(world, textOf(numbers.cem!, 'UNSTOP')))!, /again/)
  const left = await listSuppressions(store, { after: '', limit: 10 })
  assert.deepEqual(left.suppressions.map(one => one.reason).toSorted(), ['complaint', 'manual'])
  const [row] = await world.db.query<{ endpoints: string }>(`select endpoints from recipients where id = 'anna'`)
  const [phone] = JSON.parse(row!.endpoints) as { state: string; why: string; until?: number }[]
  assert.deepEqual([phone!.state, phone!.why, typeof phone!.until], ['suppressed', 'manual', 'number'])
  // What Twilio said of a STOP that it took is the same word.
  await say(world, textOf(numbers.cem!, 'STOP'))
  await world.db.query(`update suppressions set reason = '21610', source = 'provider' where hash = $1`, [
    addressHash(store.addressKey, of('cem')),
  ])
  assert.match((await say(world, textOf(numbers.cem!, 'START')))!, /again/)
  // Nobody lifts a STOP without saying why.
  await say(world, textOf(numbers.cem!, 'STOP'))
  assert.equal(await liftSuppression(store, of('cem'), by), 'needs why')
  assert.equal(await liftSuppression(store, { ...of('cem'), why: 'asked by mail' }, by), 'lifted')
  assert.equal(await say(world, textOf(numbers.cem!, 'START')), undefined, 'there is nothing to take back')
})

test('HELP says who texts, how to end it and where help is; what Twilio has answered is answered once', async () => {
  await using world = await setup()
  const help = await say(world, textOf(anna, 'Help?'))
  assert.match(help!, /^Acme &amp; Co: .*Reply STOP to end all texts.* Help: example.com$/)
  assert.equal(await say(world, textOf(anna, 'HELP')), help, 'each time')
  assert.deepEqual(await lines(world), [])
  assert.equal(await say(world, textOf(anna, 'HELP', { OptOutType: 'HELP' })), undefined)
  // A word of any language that Twilio was told of.
  assert.equal(await say(world, textOf(anna, 'parar', { OptOutType: 'STOP' })), undefined)
  assert.ok(await world.isSuppressed({ channel: 'sms', address: anna }))
  assert.equal(await say(world, textOf(anna, 'volver', { OptOutType: 'START' })), undefined)
  assert.equal(await world.isSuppressed({ channel: 'sms', address: anna }), false)
})

test('a number that nobody has is heard as well, and kept by its hash alone', async () => {
  await using world = await setup()
  const number = '+4915112345678'
  assert.match((await say(world, textOf(number, 'STOP')))!, /no more texts/)
  assert.ok(await world.isSuppressed({ channel: 'sms', address: number }))
  const [line] = await lines(world)
  assert.match(line!, /^contact:\S{22} suppression 1 f sms$/)
  const stored = JSON.stringify(await everyRow(world.db))
  assert.ok(!stored.includes(number.slice(1)))
  assert.ok(!world.lines.join('').includes(number.slice(1)))
})

test('what says something else, or is nobody’s number, changes nothing; nor does what Twilio did not sign', async () => {
  await using world = await setup()
  const before = await everyRow(world.db)
  const folder = tracesFolder()
  const naughty = folder ? (JSON.parse(readFileSync(path.join(folder, 'blns.json'), 'utf8')) as string[]) : []
  for (const body of [
    'unstoppable',
    'Stop by at 5',
    '',
    ...naughty.filter((text, at) => at % 5 === 0 && text !== '--help'),
  ])
    assert.equal(await say(world, textOf(anna, body)), undefined, JSON.stringify(body))
  const strange = [
    '',
    'whatsapp:+15005551001',
    '15005551001',
    '+1',
    "+1'; drop table recipients; --",
    'ACME',
    '+0123456789',
  ]
  for (const from of strange) assert.equal(await say(world, textOf(from, 'STOP')), undefined, from)
  for (const MessageSid of ['', 'x y', 'S'.repeat(300)])
    assert.equal(await say(world, { ...textOf(anna, 'STOP'), MessageSid }), undefined)
  const types = { OptOutType: '__proto__' }
  assert.equal(await say(world, textOf(anna, 'toString', types)), undefined)
  assert.equal((await world.text(textOf(anna, 'STOP'), { authToken: 'a stranger’s' })).status, 403)
  assert.equal((await world.text(textOf(anna, 'STOP'), { authToken: '' })).status, 403)
  // Signed for the address of reports, not for this one; and read by nobody without a signature.
  const headers = { 'content-type': 'application/x-www-form-urlencoded', 'x-twilio-signature': 'AAAA' }
  assert.equal((await world.post('/webhooks/twilio/inbound', { headers, body: 'Body=STOP' })).status, 403)
  assert.equal((await fetch(`${world.url}/webhooks/twilio/inbound`)).status, 405)
  assert.deepEqual(await everyRow(world.db), before)
  assert.match(await world.deps.metrics.text(), /texts_total\{word="none"\}/)
})
