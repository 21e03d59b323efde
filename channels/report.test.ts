import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attemptId, newBatchId } from '#contracts/ids.ts'
import { groupReason } from '#preferences/preferences.ts'
import { keptOfSendgrid, sendgridEvents, sendgridReport } from './email/sendgrid-reports.ts'
import { attemptNamed } from './report.ts'
import { keptOfTwilio, twilioErrors, twilioReport, twilioStandings } from './sms/twilio-reports.ts'

test('every event of SendGrid means what its row says, and one that is new only that SendGrid has the mail', () => {
  const said = (word: string, more: object) => {
    const event = { event: word, sg_event_id: 'e', attempt_id: 'a', sg_message_id: 'm.recvd', email: 'ann@example.com' }
    const [kept] = keptOfSendgrid(Buffer.from(JSON.stringify([{ ...event, timestamp: 1_800_000_000, ...more }])))!
    assert.ok(!JSON.stringify(kept!.body).includes('@'))
    return sendgridReport(kept!.body)
  }
  for (const [name, row] of Object.entries(sendgridEvents)) {
    const [word = '', ...rest] = name.split(' ')
    const more = word === 'dropped' ? { reason: rest.join(' ') } : { type: rest.join(' ') || 'bounce' }
    if ('group' in row) Object.assign(more, { asm_group_id: 7 })
    if (rest[0] === 'machine') Object.assign(more, { sg_machine_open: true })
    const { standing, mark, trouble, providerId, at, deed } = said(word, {
      ...more,
      response: '550 no such user ann@example.com',
    })
    assert.deepEqual(
      [standing, mark?.reason, trouble?.reason, providerId, at, deed],
      [
        ...[
          row.standing,
          'group' in row ? groupReason(7) : 'reason' in row ? row.reason : undefined,
          'trouble' in row ? row.trouble : undefined,
        ],
        ...['m', 1_800_000_000_000, 'deed' in row ? row.deed : undefined],
      ],
      name,
    )
  }
  assert.equal(said('teleported', {}).standing, 'accepted')
  assert.equal(said('dropped', { reason: 'Invalid SMTPAPI header of ann@example.com' }).mark, undefined)
  for (const text of ['', '{', '{}', 'null', '"x"']) assert.equal(keptOfSendgrid(Buffer.from(text)), undefined)
})

test('every status and code of Twilio means what its row says, and one that is new only that Twilio has the text', () => {
  const said = (status: string, code?: string) => {
    const form = new URLSearchParams({
      MessageSid: 'SM1',
      MessageStatus: status,
      To: '+15005551001',
      ...(code && { ErrorCode: code }),
    })
    return twilioReport(keptOfTwilio(form, 'a')!.body)
  }
  for (const [status, standing] of Object.entries(twilioStandings)) assert.equal(said(status).standing, standing)
  for (const [code, taught] of Object.entries(twilioErrors)) {
    const { standing, mark, alarm, trouble } = said('undelivered', code)
    const kind = mark?.state ?? (trouble ? 'trouble' : 'alarm')
    assert.deepEqual([standing, kind, (mark ?? trouble)?.reason ?? alarm], ['undelivered', taught, code])
  }
  assert.deepEqual(said('teleported', '39999'), { standing: 'accepted', providerId: 'SM1' })
  for (const one of [{ MessageSid: 'SM1' }, { MessageStatus: 'sent' }, { MessageSid: 'SM 1', MessageStatus: 'sent' }])
    assert.equal(keptOfTwilio(new URLSearchParams(Object.entries(one) as [string, string][]), 'a'), undefined)
})

test('an attempt is known by its name, also that of the last of very many that are told as one', () => {
  const batch = newBatchId()
  for (const slot of [0, 499, 19_999]) assert.deepEqual(attemptNamed(attemptId({ batch, slot })), { batch, slot })
  for (const text of ['', batch, `${batch}.`, `${batch}.123456`, `x${batch}.1`])
    assert.equal(attemptNamed(text), undefined)
})
