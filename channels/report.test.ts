import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Deed } from '#contracts/event.ts'
import { attemptId, newBatchId } from '#contracts/ids.ts'
import type { Standing } from '#contracts/standing.ts'
import { keptOfSendgrid, sendgridEvents, sendgridReport } from './email/sendgrid-reports.ts'
import { attemptNamed, type Report } from './report.ts'
import { keptOfTwilio, twilioErrors, twilioReport, twilioStandings } from './sms/twilio-reports.ts'

/** What SendGrid says, as it travels, and what it means: the documentation once more, as data. */
type Row = [event: string, fields: object, standing: Standing, teaches?: Teaches]
type Teaches = { mark?: Report['mark']; trouble?: Report['trouble']; deed?: Deed }
const suppressed = (reason: string): Teaches => ({ mark: { state: 'suppressed', reason } })
const group = { asm_group_id: 7 }

const sendgrid: Row[] = [
  ['processed', {}, 'accepted'],
  ['deferred', { response: '451 ann@example.com: try again later', attempt: '3' }, 'accepted'],
  ['delivered', { response: '250 OK' }, 'delivered'],
  ['bounce', { type: 'bounce', reason: '550 no such user ann@example.com' }, 'bounced', suppressed('bounce')],
  ['bounce', { reason: '550' }, 'bounced', suppressed('bounce')],
  ['bounce', { type: 'blocked' }, 'undelivered', { trouble: { reason: 'blocked', times: 3, days: 7 } }],
  ['dropped', { reason: 'Bounced Address' }, 'undelivered', suppressed('bounce')],
  ['dropped', { reason: 'Invalid' }, 'undelivered', suppressed('invalid')],
  ['dropped', { reason: 'Spam Reporting Address' }, 'undelivered', suppressed('complaint')],
  ['dropped', { reason: 'Spam Reporting' }, 'undelivered', suppressed('complaint')],
  ['dropped', { reason: 'Unsubscribed Address' }, 'undelivered', suppressed('unsubscribed')],
  ['dropped', { reason: 'Invalid SMTPAPI header of ann@example.com' }, 'undelivered'],
  ['dropped', { reason: 'Recipient List over Package Quota' }, 'undelivered'],
  ['spamreport', {}, 'complained', suppressed('complaint')],
  ['unsubscribe', {}, 'accepted', suppressed('unsubscribed')],
  ['group_unsubscribe', group, 'accepted', suppressed('unsubscribed_group_7')],
  ['group_unsubscribe', {}, 'accepted', suppressed('unsubscribed')],
  ['group_resubscribe', group, 'accepted', { mark: { state: 'taken back', reason: 'unsubscribed_group_7' } }],
  ['group_resubscribe', {}, 'accepted'],
  ['open', { useragent: 'Mozilla/5.0' }, 'accepted', { deed: 'seen' }],
  ['open', { sg_machine_open: true }, 'accepted', { deed: 'machine_opened' }],
  ['click', { url: 'https://app.test/' }, 'accepted'],
  // One that is new says only that SendGrid has the mail.
  ['teleported', {}, 'accepted'],
]

test('every event of SendGrid means what its row here says', () => {
  const met = new Set<unknown>()
  for (const [event, fields, standing, teaches = {}] of sendgrid) {
    const said = { event, sg_event_id: 'e', attempt_id: 'a', sg_message_id: 'm.recvd', email: 'ann@example.com' }
    const [kept] = keptOfSendgrid(Buffer.from(JSON.stringify([{ ...said, timestamp: 1_800_000_000, ...fields }])))!
    assert.ok(!JSON.stringify(kept!.body).includes('@'))
    met.add(kept!.body.event)
    const report: Report = { standing, providerId: 'm', at: 1_800_000_000_000, ...teaches }
    assert.deepEqual(sendgridReport(kept!.body), report, `${event} ${JSON.stringify(fields)}`)
  }
  assert.deepEqual(
    Object.keys(sendgridEvents).filter(row => !met.has(row)),
    [],
    'rows that none here is about',
  )
  for (const text of ['', '{', '{}', 'null', '"x"']) assert.equal(keptOfSendgrid(Buffer.from(text)), undefined)
})

const standings: Record<string, Standing> = {
  ...{ scheduled: 'accepted', accepted: 'accepted', queued: 'accepted', sending: 'accepted', sent: 'accepted' },
  ...{ partially_delivered: 'accepted', delivered: 'delivered', read: 'delivered' },
  ...{ undelivered: 'undelivered', failed: 'undelivered', canceled: 'undelivered' },
  // One that is new says only that Twilio has the text.
  teleported: 'accepted',
}
const trouble = { times: 3, days: 30 }
const dead = (reason: string): Partial<Report> => ({ mark: { state: 'dead', reason } })
const codes: Record<string, Partial<Report>> = {
  21610: { mark: { state: 'suppressed', reason: '21610' } },
  30003: { trouble: { ...trouble, reason: '30003' } },
  ...Object.fromEntries(['30004', '30005', '30006', '63024'].map(code => [code, dead(code)])),
  ...Object.fromEntries(
    ['30001', '30002', '30007', '30032', '30034', '30036', '30450', '63016', '63018'].map(code => [
      code,
      { alarm: code },
    ]),
  ),
  // They say only that it did not arrive.
  ...Object.fromEntries(['30008', '63005', '63012', '63019', '39999'].map(code => [code, {}])),
}

test('every status and code of Twilio means what its row here says', () => {
  const said = (status: string, code?: string) => {
    const form = new URLSearchParams({
      ...{ MessageSid: 'SM1', MessageStatus: status, To: '+15005551001' },
      ...(code !== undefined && { ErrorCode: code }),
    })
    return twilioReport(keptOfTwilio(form, 'a')!.body)
  }
  for (const [status, standing] of Object.entries(standings))
    assert.deepEqual(said(status), { standing, providerId: 'SM1' }, status)
  for (const [code, taught] of Object.entries(codes))
    assert.deepEqual(said('undelivered', code), { standing: 'undelivered', providerId: 'SM1', ...taught }, code)
  const rows = [...Object.keys(twilioStandings), ...Object.keys(twilioErrors)]
  assert.deepEqual(
    rows.filter(row => !(row in standings) && !(row in codes)),
    [],
    'rows that none here is about',
  )
  for (const one of [{ MessageSid: 'SM1' }, { MessageStatus: 'sent' }, { MessageSid: 'SM 1', MessageStatus: 'sent' }])
    assert.equal(keptOfTwilio(new URLSearchParams(Object.entries(one) as [string, string][]), 'a'), undefined)
})

test('an attempt is known by its name, also that of the last of very many that are told as one', () => {
  const batch = newBatchId()
  for (const slot of [0, 499, 19_999]) assert.deepEqual(attemptNamed(attemptId({ batch, slot })), { batch, slot })
  for (const text of ['', batch, `${batch}.`, `${batch}.123456`, `x${batch}.1`])
    assert.equal(attemptNamed(text), undefined)
})
