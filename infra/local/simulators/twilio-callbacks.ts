import { createHash, createHmac, randomUUID } from 'node:crypto'

/** A text that Twilio has taken. */
export type SmsReceipt = { sid: string; to: string; from: string; callback: string | undefined }

/** What a status callback may say (https://www.twilio.com/docs/messaging/api/message-resource#message-status-values). */
export const smsReceipts = [
  'accepted',
  'scheduled',
  'queued',
  'sending',
  'sent',
  'delivered',
  'read',
  'undelivered',
  'failed',
  'canceled',
] as const

type Form = Readonly<Record<string, string>>

/** The fields of a status callback (https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks). */
export function statusForm({ sid, to, from }: SmsReceipt, receipt: string, accountSid: string): Form {
  const [status = '', code] = receipt.split(' ')
  return {
    ApiVersion: '2010-04-01',
    AccountSid: accountSid,
    MessageSid: sid,
    MessageStatus: status,
    SmsSid: sid,
    SmsStatus: status,
    To: to,
    ...(from.startsWith('MG') ? { MessagingServiceSid: from } : { From: from }),
    ...(code !== undefined && { ErrorCode: code }),
  }
}

/** The fields of a message that somebody sent to us (https://www.twilio.com/docs/messaging/guides/webhook-request). */
export function inboundForm(text: { from: string; to: string; body: string; accountSid: string }): Form {
  const sid = `SM${randomUUID().replaceAll('-', '')}`
  const { from, to, body, accountSid } = text
  const known = { ApiVersion: '2010-04-01', AccountSid: accountSid, MessageSid: sid, SmsMessageSid: sid, SmsSid: sid }
  return { ...known, SmsStatus: 'received', From: from, To: to, Body: body, NumMedia: '0', NumSegments: '1' }
}

/**
 * A callback as it is posted. X-Twilio-Signature (https://www.twilio.com/docs/usage/security#validating-requests): the URL
 * that Twilio was told, then every field by name, under the account's token. Copies of one callback have one token of
 * idempotency.
 */
export function signedForm({ url, form, authToken }: { url: string; form: Form; authToken: string }) {
  const said = Object.keys(form)
    .sort()
    .map(name => name + form[name])
  const signature = createHmac('sha1', authToken)
    .update(url + said.join(''))
    .digest('base64')
  return {
    headers: {
      'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
      'user-agent': 'TwilioProxy/1.1',
      'x-twilio-signature': signature,
      'i-twilio-idempotency-token': createHash('sha256')
        .update(url + said.join(''))
        .digest('hex')
        .slice(0, 32),
    },
    body: new URLSearchParams(form).toString(),
  }
}
