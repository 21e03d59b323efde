import { createHash, sign } from 'node:crypto'

/** A mail that SendGrid has taken, with the id that its answer gave and the custom arguments of its personalization. */
export type MailReceipt = { messageId: string; email: string; args: Readonly<Record<string, unknown>>; place: number }

/** What the event webhook tells; `blocked` is a bounce of that type. */
export const mailReceipts = [
  'processed',
  'deferred',
  'delivered',
  'bounce',
  'blocked',
  'dropped',
  'spamreport',
  'unsubscribe',
  'group_unsubscribe',
  'group_resubscribe',
  'open',
  'click',
] as const

/** An event (https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event). Its id is the same in each copy. */
export function eventOf(mail: MailReceipt, { word, number }: { word: string; number: number }): object {
  const { messageId, email, args, place } = mail
  const [name, ...rest] = word.split(' ')
  const id = createHash('sha256').update(`${messageId} ${place} ${number} ${word}`).digest('base64url').slice(0, 22)
  return {
    email,
    timestamp: Math.floor(Date.now() / 1000),
    event: name === 'blocked' ? 'bounce' : name,
    sg_event_id: id,
    sg_message_id: `${messageId}.recvd-local-0-${place}`,
    'smtp-id': `<${messageId}@geopod-ismtpd-local>`,
    ...args,
    ...more(name, rest.join(' ')),
  }
}

/** What only some events have. */
function more(name: string | undefined, said: string): object {
  const agent = { ip: '127.0.0.1', useragent: 'Mozilla/5.0' }
  switch (name) {
    case 'deferred':
      return { response: said || '400 try again later', attempt: '1' }
    case 'delivered':
      return { response: '250 OK' }
    case 'bounce':
      return { type: 'bounce', status: '5.1.1', reason: said || '550 5.1.1 The email account does not exist' }
    case 'blocked':
      return { type: 'blocked', status: '5.7.1', reason: said || '550 5.7.1 Message rejected' }
    case 'dropped':
      return { reason: said || 'Bounced Address', status: '5.0.0' }
    case 'open':
      return { ...agent, sg_machine_open: said === 'machine' }
    case 'click':
      return { ...agent, url: said || 'https://example.com/' }
    case 'group_unsubscribe':
    case 'group_resubscribe':
      return { ...agent, asm_group_id: 1 }
    default:
      return {}
  }
}

/**
 * Events as they are posted: timestamp and raw body signed by ECDSA
 * (https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features).
 */
export function signedEvents(body: string, privateKey: string) {
  const timestamp = String(Math.floor(Date.now() / 1000))
  return {
    headers: {
      'content-type': 'application/json;charset=utf-8',
      'user-agent': 'SendGrid Event API',
      'x-twilio-email-event-webhook-timestamp': timestamp,
      'x-twilio-email-event-webhook-signature': sign('sha256', Buffer.from(timestamp + body), privateKey).toString(
        'base64',
      ),
    },
    body,
  }
}
