import { languageOf } from '#browser/languages.ts'
import type { EpochMs } from '#contracts/ids.ts'
import { clientOf, createRequestLimit } from '#runtime/request-limit.ts'
import type { Clock } from '#runtime/clock.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from '#runtime/http.ts'
import type { Database } from '#runtime/postgres.ts'
import { changeChoices } from './choice-store.ts'
import type { ChoicesPatch } from './choices.ts'
import { mayWe } from './may-we.ts'
import { type Choices, readPeople } from './preferences.ts'
import { inTenant } from './tenants.ts'
import { type PageState, unsubscribePage } from './unsubscribe-page.ts'
import { type Unsubscribe, unsubscribeOf } from './unsubscribe-token.ts'

/** `secret`: the installation's, which the tokens of mails are sealed with. */
export type UnsubscribeOptions = { db: Database; clock: Clock; secret: string }

type ByToken = { Params: { token: string } }
const bodyBytesMax = 4_096
/** Mail programs post for all their people from few addresses: only a flood is stopped. */
const clientRate = { perSecond: 100, burst: 1_000 }

/**
 * Where a mail's `List-Unsubscribe` leads (RFC 8058). `POST /u/TOKEN` with `List-Unsubscribe=One-Click` as a form of either
 * encoding switches mails off of what the mail was about, with `Resubscribe=Yes` on again, but never against a wish to get no
 * mails at all; it needs nothing but the token, may be repeated, and never redirects. GET and HEAD change nothing, since
 * scanners open every link: their page asks. Who was erased or is not known is answered like anybody. A token that is none of
 * ours is a 404. An address that floods is answered 429, unread; mail programs repeat.
 */
export function unsubscribeApi(app: FastifyInstance, options: UnsubscribeOptions): void {
  const clients = createRequestLimit(clientRate, options.clock)
  void app.register(async scope => {
    scope.addHook('onRequest', async request => clients.take(clientOf(request)))
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    const limit = { bodyLimit: bodyBytesMax }
    scope.get<ByToken>('/u/:token', limit, async (request, reply) => {
      const mail = unsubscribeOf(request.params.token, options.secret)
      if (!mail) return send(request, reply.code(404), { kind: 'unknown' })
      const { off, locked, gone } = await standing(options, mail)
      return send(request, reply, gone ? { kind: 'gone' } : { kind: off ? 'off' : 'ask', mail, locked })
    })
    scope.post<ByToken>('/u/:token', limit, async (request, reply) => {
      const mail = unsubscribeOf(request.params.token, options.secret)
      if (!mail) return send(request, reply.code(404), { kind: 'unknown' })
      const on = await wishIn(request)
      if (on === undefined) return send(request, reply.code(400), { kind: 'unclear' })
      const { recipient } = mail
      const change = { db: options.db, now: options.clock.now(), source: 'one_click' as const }
      const { kind } = await changeChoices(change, recipient, before => wishing(mail, on ? back(before) : false))
      if (kind === 'gone') return send(request, reply, { kind })
      const { locked, coming } = await standing(options, mail)
      if (!on) return send(request, reply, { kind: 'off', mail, locked })
      if (coming.length === 0) return send(request, reply, { kind: 'still', mail, locked })
      return send(request, reply, { kind: 'on', mail: { ...mail, categories: coming }, locked })
    })
  })
}

/** What a form says: mails are to stop (false), or to come again (true). Undefined for any other body. */
async function wishIn({ headers, body }: FastifyRequest): Promise<boolean | undefined> {
  const type = headers['content-type']
  if (!Buffer.isBuffer(body) || type === undefined) return undefined
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } })
    .formData()
    .catch(() => undefined)
  if (form?.get('List-Unsubscribe') === 'One-Click') return false
  return form?.get('Resubscribe') === 'Yes' ? true : undefined
}

const wishing = ({ categories }: Unsubscribe, email: boolean | null): ChoicesPatch => ({
  categories: Object.fromEntries(categories.map(category => [category, { email }])),
})

/** Who wants no mails at all said more than one click that is undone: that counts again. */
const back = ({ categories }: Choices): true | null => (categories?.['*']?.email === false ? null : true)

/** `coming`: of what the mail was about, what is sent as things stand. */
type Standing = { off: boolean; locked: boolean; gone: boolean; coming: string[] }

/** Whether the mails are switched off, whether the person's tenant has them sent all the same, and which come. */
async function standing({ db, clock }: UnsubscribeOptions, { recipient, categories }: Unsubscribe): Promise<Standing> {
  const at: EpochMs = clock.now()
  const person = inTenant((await readPeople(db, [recipient])).get(recipient)!, undefined)
  const wishes = categories.map(category => person.choices.categories?.[category]?.email)
  const verdicts = categories.map(category =>
    mayWe(person, { category, channel: 'email', mandatory: false, at, place: {} }),
  )
  return {
    off: wishes.every(wish => wish === false),
    locked: verdicts.some(({ allowed, why }) => allowed && why.rule === 'tenant_locked'),
    gone: person.erased,
    coming: categories.filter((_, nth) => verdicts[nth]!.allowed),
  }
}

function send({ headers }: FastifyRequest, reply: FastifyReply, state: PageState): FastifyReply {
  const { html, policy } = unsubscribePage(state, languageOf(languagesIn(headers['accept-language'])))
  return reply
    .headers({ 'content-security-policy': policy, 'x-robots-tag': 'noindex, nofollow' })
    .type('text/html; charset=utf-8')
    .send(html)
}

/** In the order in which a browser names them, which is that of its reader. */
const languagesIn = (accepted = ''): string[] => accepted.split(',').map(one => one.trim())
