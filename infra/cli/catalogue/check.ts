import { sendable } from '#channels/content.ts'
import type { OutMessage } from '#channels/provider.ts'
import { messageOf } from '#channels/push/fcm-message.ts'
import { type ReplyTo, replyFault } from '#channels/email/reply-to.ts'
import { segmentsSent } from '#channels/sms/body.ts'
import { faultOf } from '#channels/template-fault.ts'
import {
  type AnyNotificationType,
  type Catalogue,
  digestChannels,
  type EmailContent,
  type PushContent,
} from '#contracts/catalogue.ts'
import type { Channel } from '#contracts/channel.ts'
import type { StoredSchema } from '#ledger/catalogue-schemas.ts'
import { jsonSchemaOf } from './json-schema.ts'
import { sampleOf } from './sample.ts'
import { breakingChanges } from './schema-changes.ts'

/** One thing to be mended in a catalogue, and how. `type` may be the name of a shared digest. */
export type Problem = {
  type: string
  locale?: string
  channel?: Channel
  field?: string
  problem: string
  mend: string
}

export type CheckTerms = {
  replyTo: ReplyTo
  /** Where links of text messages will lead first. */
  links: { url: string } | undefined
  /** What the database knows of the types that were in use; empty without one. */
  stored: readonly StoredSchema[]
  /** Types of which nothing was decided for `quietDays`. */
  quiet: readonly string[]
  quietDays: number
}

/** Everything that is wrong with a catalogue and `catalogueOf` cannot see, and how many texts were looked at. Sends nothing. */
export async function checkCatalogue(
  catalogue: Catalogue,
  terms: CheckTerms,
): Promise<{ problems: Problem[]; texts: number }> {
  const problems = [...missingLocales(catalogue), ...schemaProblems(catalogue, terms), ...quietProblems(terms)]
  let texts = 0
  for (const entry of catalogue.types.values()) {
    const { all, unknown } = await dataOf(entry)
    if (unknown) problems.push({ type: entry.type, ...unknown })
    const found = all
      .flatMap(data => writings(entry, catalogue, data))
      .map(one => [one, textProblem(one, terms)] as const)
    texts += found.length
    const told = new Set<string>()
    for (const [, problem] of found) {
      const words = JSON.stringify(problem)
      if (problem && !told.has(words)) problems.push(problem)
      told.add(words)
    }
  }
  return { problems, texts }
}

function missingLocales({ types, digests }: Catalogue): Problem[] {
  const written = [...types.values(), ...digests.values()].map(one => ({
    type: 'type' in one ? one.type : one.name,
    locales: Object.keys(one.templates),
  }))
  const all = [...new Set(written.flatMap(({ locales }) => locales))]
  return written.flatMap(({ type, locales }) =>
    all
      .filter(locale => !locales.includes(locale))
      .map(locale => ({ type, locale, problem: 'has no templates in it', mend: `write templates.${locale}` })),
  )
}

function schemaProblems({ types }: Catalogue, { stored }: CheckTerms): Problem[] {
  return stored.flatMap(({ type, schema, catalogue }): Problem[] => {
    const entry = types.get(type)
    const now = entry && jsonSchemaOf(entry)
    if (!entry)
      return [
        {
          ...{ type, problem: `is gone since catalogue ${catalogue}: what is under way of it would wait for ever` },
          mend: 'keep it until nothing of it is under way; then `carillon catalogue store` forgets it',
        },
      ]
    return (now ? breakingChanges(schema, now) : []).map(({ field, problem }) => ({
      ...{ type, field: `data.${field}`, problem: `${problem}: breaks what was stated by catalogue ${catalogue}` },
      mend: 'make it optional or as wide as it was, or give the new shape a type of its own',
    }))
  })
}

const quietProblems = ({ quiet, quietDays }: CheckTerms): Problem[] =>
  quiet.map(type => ({
    ...{ type, problem: `nothing of it was stated for ${quietDays} days` },
    mend: 'take it out, or find out why nobody states it',
  }))

type Unknown = Pick<Problem, 'problem' | 'mend'> & { field: string }

/** What the entry gives as examples, else made up by its schema. */
async function dataOf(entry: AnyNotificationType): Promise<{ all: object[]; unknown?: Unknown }> {
  const shape = jsonSchemaOf(entry)
  const given = entry.examples ?? (shape ? [sampleOf(shape)] : [])
  const results = await Promise.all(given.map(async data => entry.schema['~standard'].validate(data)))
  const all = results.flatMap(result => (result.issues ? [] : [result.value as object]))
  const bad = results.flatMap(result => result.issues ?? [])
  if (given.length > 0 && bad.length === 0) return { all }
  const fields = [...new Set(bad.map(({ path }) => ['data', ...(path ?? []).map(String)].join('.')))]
  const problem = entry.examples ? 'its examples do not fit its schema' : 'no data can be made up that fits its schema'
  return { all, unknown: { field: fields.join(', ') || 'data', problem, mend: 'give examples: [{ … }] that do' } }
}

/** One text to be looked at: of a type or a shared digest, for a channel, in a language. */
type Writing = {
  entry: AnyNotificationType
  of: string
  channel: Channel
  locale: string
  data: object
  write: (data: object) => never
}

const digestCount = 12

function writings(entry: AnyNotificationType, { digests }: Catalogue, data: object): Writing[] {
  const arms = Object.keys(entry.arms?.split ?? { none: 1 })
  const shared = entry.digest?.into === undefined ? undefined : digests.get(entry.digest.into)
  const inDigest = digestChannels(entry)
  const item = { type: entry.type, data, occurredAt: 0 }
  const digest = { count: digestCount, items: Array.from({ length: digestCount }, () => item) }
  const names = { actor: 'somebody', thread: 'a-thread', tenant: 'a-tenant' }
  return entry.deliver.flatMap(({ channel, arm: only }) =>
    arms
      .filter(arm => only === undefined || arm === only)
      .flatMap(arm => {
        const from = (of: string, templates: AnyNotificationType['templates'], more: object): Writing[] =>
          Object.entries(templates).map(([locale, byChannel]) => {
            const input = { locale, arm, ...names, ...more }
            const write = (data: object) => byChannel[channel]!({ ...input, data } as never) as never
            return { entry, of, channel, locale, data, write }
          })
        return [
          ...from(entry.type, entry.templates, {}),
          ...(entry.digest && inDigest.includes(channel) && !shared
            ? from(entry.type, entry.templates, { digest })
            : []),
          ...(shared && inDigest.includes(channel) ? from(shared.name, shared.templates, { digest }) : []),
        ]
      }),
  )
}

function textProblem(writing: Writing, { links, replyTo }: CheckTerms): Problem | undefined {
  const { entry, of: type, channel, locale, data, write } = writing
  const place = { type, locale, channel }
  try {
    const content = sendable(channel, write(data), {
      type: entry,
      segmentsOf: text => segmentsSent(text, links),
      ...(channel === 'email' && { faultIn: mail => replyFault(replyTo)(mail as EmailContent) }),
    })
    return channel === 'push' ? cutProblem(entry, content as PushContent, place) : undefined
  } catch (error) {
    const { field, words } = faultOf({ error, data, again: write })
    const mend = channel === 'sms' ? 'shorten the text, bound its data, or raise sms.segmentsMax' : 'mend the template'
    return { ...place, ...(field !== undefined && { field }), problem: words, mend }
  }
}

/** FCM's payload is the longest of all that push providers get. */
function cutProblem(entry: AnyNotificationType, content: PushContent, place: Omit<Problem, 'problem' | 'mend'>) {
  const message = messageOf(pushOf(entry, content), { lane: entry.lane, now: 0, deadlineMs: 0 })
  const mend = 'shorten it, or give its data a maxLength that leaves room'
  if (!message) return { ...place, field: 'url', problem: 'leaves no room for a text in 4,096 bytes', mend }
  const sent = (content.silent ? message.data : message.notification) ?? {}
  const field = (['body', 'title'] as const).find(name => sent[name] !== content[name])
  return field && { ...place, field, problem: 'is cut to fit into 4,096 bytes', mend }
}

const pushOf = ({ type, category }: AnyNotificationType, content: PushContent): OutMessage<'push'> => ({
  ...{ place: 0, recipient: 'somebody' as never, content, deliveryId: 'x'.repeat(22) as never, attemptId: '' },
  ...{ receipt: 'x'.repeat(47), badge: 99, locale: '' },
  endpoint: { id: '', channel: 'push', provider: 'fcm', address: '', state: 'active', since: 0 },
  intent: {
    ...{ id: '' as never, producer: '', type, category, catalogue: '', thread: 'x'.repeat(64) },
    ...{ occurredAt: 0, data: {} },
  },
})
