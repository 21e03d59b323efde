import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Arms } from './arms.ts'
import type { Channel, Lane } from './channel.ts'
import type { EpochMs } from './ids.ts'
import type { JsonObject } from './intent.ts'
import type { DoubtPolicy } from './outcome.ts'

/** A length of time as people write it: `30s`, `10m`, `24h`, `7d`. */
export type Duration = `${number}${'s' | 'm' | 'h' | 'd'}`

/** HTML that is safe to send: only the `html` tag of the SDK makes it. `links`: the values of its `href`s, in order. */
export type Html = { readonly html: string; readonly links?: readonly HtmlLink[] }
/** Where in the HTML a URL stands, escaped, and what it is. */
export type HtmlLink = { readonly at: number; readonly length: number; readonly url: string }

/**
 * Texts that are too long for a push are cut. `url`: where tapping it leads. `image`: an `https:` URL. `silent`: nothing is
 * shown, the app is woken and gets the texts as data; providers promise little of it.
 */
export type PushContent = { title: string; body: string; url?: string; image?: string; silent?: true }
/** `url`: what the text ends with. Where we are to hear of clicks it takes some 60 characters and a third of it more. */
export type SmsContent = { text: string; url?: string }
/**
 * `html` is what stands within the installation's layout; with `layout` `none` it is the whole mail, which names its sender
 * itself and has a link to `#unsubscribe`: that leads to where its person unsubscribes. `text` says the same for who
 * reads no HTML. `preview`: what lists of mails show beside the subject. `replyTo`: one of `CARILLON_MAIL_REPLY_TO`, by name.
 */
export type EmailContent = {
  subject: string
  html: Html
  text: string
  preview?: string
  layout?: 'none'
  replyTo?: string
}
export type InAppContent = { title: string; body: string; url?: string }
export type ContentOf = { push: PushContent; sms: SmsContent; email: EmailContent; in_app: InAppContent }

/**
 * What a template sees, with `arm` where the type has arms. It must be a pure function of this: one text for everybody in
 * an arm who reads a language.
 */
export type TemplateInput<Data, Seen = unknown> = {
  data: Data
  locale: string
  actor?: string
  thread?: string
  tenant?: string
  /** Where it stands for several of its type: how many, and the latest of them, oldest first. `data` is that of the last. */
  digest?: Digested<Data>
} & Seen
export type Digested<Data> = { count: number; items: readonly DigestItem<Data>[] }
export type DigestItem<Data = JsonObject> = {
  type: string
  data: Data
  occurredAt: EpochMs
  actor?: string
  thread?: string
}
export type Templates<Data, Seen = unknown> = Record<
  string,
  { [C in Channel]?: (input: TemplateInput<Data, Seen>) => ContentOf[C] }
>

/** What makes a later step unnecessary. `active`: not while the person is, somewhere else (presence). */
export const unlessFacts = ['seen', 'read', 'acted', 'delivered', 'active'] as const
export type Unless = (typeof unlessFacts)[number]
/**
 * A channel, at once or `after` a time from the decision (at most 31 days), and what makes it unnecessary by then. With
 * `arm` only for the people in it.
 */
export type Step<Arm extends string = string> = { channel: Channel; arm?: NoInfer<Arm> } & (
  | { after?: Duration; unless?: 'active' }
  | { after: Duration; unless?: Unless }
)

/** One entry of the catalogue: everything the pipeline knows of a notification type. Plain data and pure functions. */
export type NotificationType<Data = never, Arm extends string = string, Seen = { arm: never }> = {
  /** `comment.created`: lower-case words joined by dots. */
  type: string
  /** What a person switches on and off. */
  category: string
  lane: Lane
  /** The team that answers for the type. */
  owner: string
  /** 1–5: how much attention it is worth. */
  value: 1 | 2 | 3 | 4 | 5
  /** Shape of `data`, any Standard Schema (https://standardschema.dev). */
  schema: StandardSchemaV1
  /** Data that makes long texts, for `carillon catalogue check`. Default: made up by the schema. */
  examples?: readonly unknown[]
  /** Ignores opt-outs and quiet hours, never suppressions. For what a person must be told. */
  mandatory?: boolean
  /** Data is dropped when the intent settles and shown nowhere; so never for `in_app`, which keeps what it is given. */
  sensitive?: boolean
  /** After this time from `occurredAt` it is worthless and is not sent. Default: never. */
  expiresAfter?: Duration
  /** `within` at most 31 days: what is older than that when it is published is no longer told apart by its time. */
  dedupe?: { key: (data: Data, intent: { thread?: string }) => string; within: Duration }
  throttle?: { limit: number; per: Duration }
  digest?: DigestRule<Data>
  /** Counts in the catalogue's budgets, and waits for none. What is mandatory or sensitive is so by itself. */
  budget?: 'exempt'
  /** Quiet hours hold `push`, `sms` and `email`; `all` holds the inbox too; `ignore` holds nothing. Critical passes. */
  quietHours?: 'interruptions' | 'all' | 'ignore'
  doubt?: DoubtPolicy
  /** Segments that a text message of it may take with its link, 1 to 24, since each is billed. Default: 4. */
  sms?: { segmentsMax: number }
  /** Required when an intent of the type may reach more than 1,000 recipients. */
  maxRecipients?: number
  /** The share of people, 0 to 1, who are never told of it, to be compared with the others. Not if mandatory or critical. */
  holdout?: number
  /** An experiment: people fall into arms by their shares, `{ name: 'subject', split: { a: 50, b: 50 } }`. */
  arms?: Arms<Arm>
  deliver: readonly Step<Arm>[]
  /** The success that `notifier.track` tells of: `invite.accepted`. It stops every later step. */
  acted?: string
  /** What the person has read elsewhere is not told any more. Default: unless mandatory or critical. */
  readCancels?: boolean
  /** By locale; the first locale is the one to fall back to. */
  templates: Templates<Data, Seen>
}

/**
 * What comes within a time is told together: `every` after the first of them, or at a time of day. The steps of the type
 * decide again when it is due, each item for itself; what is left is one message.
 */
export type DigestRule<Data = never> = {
  /** What belongs together, for a person: all of the type (default), a thread, or what has the same key. */
  by?: 'recipient' | 'thread' | ((data: Data, intent: { thread?: string }) => string)
  /** Told under this name of `catalogue.digests`, together with other types that name it. */
  into?: string
  /** The first is told at once, and what follows within the time together. */
  sendFirst?: boolean
  /** So many are not waited for any longer, 2 to 10,000. Default: no limit. */
  maxItems?: number
  /** What waits. Default: all but `in_app`, which shows each by itself. */
  channels?: readonly Channel[]
} & (
  | {
      every: Duration
      /** Each one that comes puts the end off by `every`, up to this time from the first. */
      atMost?: Duration
    }
  | {
      /** On the person's wall, `08:00`. */
      at: string
      /** Once a week. Default: daily. */
      on?: Weekday
    }
)
export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Weekday = (typeof weekdays)[number]

/** What several types are told by together: a daily summary. Its templates see the items, and no data of their own. */
export type DigestType = { name: string; templates: Templates<Record<string, never>> }

/**
 * How much of a person's attention all types together may take by a channel. What finds no place waits, what is worth most
 * first; what has waited too long is told together by one message, or not at all. Critical types count in none.
 */
export type Budget = {
  name: string
  channel: Channel
  /** Default: all. */
  categories?: readonly string[]
  /** So many, 1 to 1,000, in any window of this length. */
  limit: number
  per: Duration
  /** From the first that found no place. */
  wait: Duration
  afterwards: 'digest' | 'expire'
}

/** Any entry, its data type forgotten: what the pipeline works with. The schema has proved the data by then. */
export type AnyNotificationType = NotificationType & {
  /** The catalogue's holdout, where it may hold this type back: `catalogueOf` puts it here. */
  readonly globalHoldout?: number
  /** Whom this installation tells, where it does not tell everybody. */
  readonly allowedHere?: (recipient: string) => boolean
  /** The catalogue's budgets that count it: `catalogueOf` puts them here. */
  readonly budgets?: readonly Budget[]
}

export type Catalogue = {
  readonly version: string
  readonly types: ReadonlyMap<string, AnyNotificationType>
  readonly digests: ReadonlyMap<string, DigestType>
}

const durationPattern = /^(\d+(?:\.\d+)?)([smhd])$/
const units = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

const dedupeWithinMax = '31d'
const afterMax = '31d'
const wordsPattern = /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$/

/** Milliseconds of `10m`. Throws on anything but digits and one of s, m, h, d. */
export function durationMs(duration: string): number {
  const match = durationPattern.exec(duration)
  if (!match) throw new Error(`"${duration}" is not a duration: write a number and s, m, h or d, like 10m`)
  return Math.round(Number(match[1]) * units[match[2] as keyof typeof units])
}

/** A positive number and s, m, h or d. */
export const isDuration = (text: unknown): text is Duration =>
  typeof text === 'string' && durationPattern.test(text) && durationMs(text) > 0

/**
 * Catalogue from its entries. Throws with every problem at once: doubled types, impossible limits, missing templates.
 * `holdout`: the share of people, 0 to 1, who are told of nothing but what is mandatory or critical. `digests`: what types name
 * by `digest.into`. `budgets`: see `Budget`.
 */
export function catalogueOf(
  version: string,
  entries: readonly AnyNotificationType[],
  { holdout, digests: shared = [], budgets = [] }: CatalogueOptions = {},
): Catalogue {
  const of = (entry: AnyNotificationType): AnyNotificationType => {
    const counting = entry.lane === 'critical' ? [] : budgets.filter(budget => counts(budget, entry))
    const shared = {
      ...(holdout !== undefined && !mustBeTold(entry) && { globalHoldout: holdout }),
      ...(counting.length > 0 && { budgets: counting }),
    }
    return Object.keys(shared).length > 0 ? { ...entry, ...shared } : entry
  }
  const types = new Map(entries.map(entry => [entry.type, of(entry)]))
  const digests = new Map(shared.map(digest => [digest.name, digest]))
  const problems = entries.flatMap(entry =>
    [...problemsOf(entry), ...digestProblems(entry, digests)].map(problem => `${entry.type}: ${problem}`),
  )
  if (holdout !== undefined && !isShare(holdout)) problems.push(`holdout ${shareRule}`)
  if (types.size !== entries.length) problems.push('two entries have the same type')
  for (const budget of budgets) problems.push(...budgetProblems(budget))
  if (new Set(budgets.map(budget => budget.name)).size !== budgets.length)
    problems.push('two budgets have the same name')
  if (digests.size !== shared.length) problems.push('two digests have the same name')
  if (problems.length > 0) throw new Error(`catalogue ${version} cannot be used:\n  ${problems.join('\n  ')}`)
  return { version, types, digests }
}

export type CatalogueOptions = { holdout?: number; digests?: readonly DigestType[]; budgets?: readonly Budget[] }

const counts = ({ channel, categories }: Budget, { deliver, category }: AnyNotificationType): boolean =>
  deliver.some(step => step.channel === channel) && (categories?.includes(category) ?? true)

function budgetProblems({ name, limit, per, wait }: Budget): string[] {
  return [
    ...(isCountMax(limit) ? [] : [`budget ${name}: limit ${countRule}`]),
    ...[per, wait].flatMap(given =>
      durationPattern.test(given) ? [] : [`budget ${name}: "${given}" is not a duration`],
    ),
  ]
}

const isCountMax = (limit: number): boolean => Number.isInteger(limit) && limit > 0 && limit <= 1000
const countRule = 'must be a whole number from 1 to 1,000'

function problemsOf(entry: AnyNotificationType): string[] {
  const problems = stepProblems(entry)
  if (!wordsPattern.test(entry.type)) problems.push('type must be lower-case words joined by dots')
  if (entry.deliver.length === 0) problems.push('deliver names no channel')
  for (const [at, { channel }] of entry.deliver.entries())
    if (entry.deliver.findIndex(one => one.channel === channel) < at) problems.push(`deliver names ${channel} twice`)
  if (entry.sensitive && entry.deliver.some(({ channel }) => channel === 'in_app'))
    problems.push('a sensitive type cannot go to in_app: the inbox would keep what it says')
  const locales = Object.keys(entry.templates)
  if (locales.length === 0) problems.push('templates names no locale')
  for (const { channel } of entry.deliver)
    for (const locale of locales)
      if (!entry.templates[locale]?.[channel]) problems.push(`no template for ${channel} in ${locale}`)
  for (const duration of [entry.expiresAfter, entry.dedupe?.within, entry.throttle?.per])
    if (duration !== undefined && !durationPattern.test(duration)) problems.push(`"${duration}" is not a duration`)
  const within = entry.dedupe?.within
  if (within !== undefined && durationPattern.test(within) && durationMs(within) > durationMs(dedupeWithinMax))
    problems.push(`dedupe.within must be at most ${dedupeWithinMax}`)
  if (entry.throttle && !isCountMax(entry.throttle.limit)) problems.push(`throttle.limit ${countRule}`)
  if (
    entry.sms &&
    !(Number.isInteger(entry.sms.segmentsMax) && entry.sms.segmentsMax > 0 && segmentsMaxOf(entry) <= 24)
  )
    problems.push('sms.segmentsMax must be a whole number from 1 to 24')
  return [...problems, ...holdoutProblems(entry), ...armsProblems(entry)]
}

/** Nobody is held out of these. */
const mustBeTold = ({ mandatory, lane }: AnyNotificationType): boolean => (mandatory ?? false) || lane === 'critical'

const isShare = (share: number): boolean => share > 0 && share < 1
const shareRule = 'must be a share between 0 and 1, like 0.01'

function holdoutProblems(entry: AnyNotificationType): string[] {
  if (entry.holdout === undefined) return []
  return [
    ...(isShare(entry.holdout) ? [] : [`holdout ${shareRule}`]),
    ...(mustBeTold(entry) ? ['a mandatory or critical type holds nobody out'] : []),
  ]
}

const armNamePattern = /^[a-z0-9][a-z0-9_-]{0,39}$/

function armsProblems({ arms, deliver }: AnyNotificationType): string[] {
  const steps = deliver.filter(step => step.arm !== undefined)
  if (!arms) return steps.map(({ arm }) => `deliver names the arm ${arm}, and there are no arms`)
  const names = Object.keys(arms.split)
  const problems = [arms.name, ...names]
    .filter(name => !armNamePattern.test(name))
    .map(name => `arms: "${name}" must be 1 to 40 lower-case letters, digits, - and _`)
  if (names.length < 2) problems.push('arms.split must have two arms at least')
  if (!Object.values(arms.split).every(share => Number.isFinite(share) && share > 0))
    problems.push('arms.split must give every arm a share above 0')
  for (const { arm } of steps)
    if (!names.includes(arm!)) problems.push(`deliver names the arm ${arm}, which arms.split does not have`)
  for (const name of names)
    if (deliver.length > 0 && deliver.every(({ arm }) => arm !== undefined && arm !== name))
      problems.push(`deliver has no channel for the arm ${name}`)
  return problems
}

function digestProblems({ digest, ...entry }: AnyNotificationType, shared: ReadonlyMap<string, DigestType>): string[] {
  if (!digest) return []
  const problems: string[] = []
  const timed = 'every' in digest ? [digest.every, digest.atMost] : []
  for (const duration of timed)
    if (duration !== undefined && !durationPattern.test(duration)) problems.push(`"${duration}" is not a duration`)
  if ('at' in digest && !isTimeOfDay(digest.at)) problems.push(`digest.at "${digest.at}" is not a time like 08:00`)
  if (digest.maxItems !== undefined && !(digest.maxItems >= 2 && digest.maxItems <= 10_000))
    problems.push('digest.maxItems must be a whole number from 2 to 10,000')
  if (entry.sensitive) problems.push('a sensitive type cannot wait in a digest: what it says would be kept until then')
  if (entry.lane === 'critical' || entry.mandatory) problems.push('what is critical or mandatory waits in no digest')
  const channels = digestChannels({ digest, deliver: entry.deliver })
  if (channels.length === 0) problems.push('digest names no channel that the type is delivered by')
  if (digest.into === undefined) return problems
  const templates = shared.get(digest.into)?.templates
  if (!templates) problems.push(`digest.into names ${digest.into}, which is no digest of the catalogue`)
  else
    for (const channel of channels)
      if (Object.values(templates).some(forLocale => !forLocale[channel]))
        problems.push(`digest ${digest.into} has no template for ${channel}`)
  return problems
}

/** Which of a type's channels wait for its digest. */
export const digestChannels = ({ digest, deliver }: Pick<AnyNotificationType, 'digest' | 'deliver'>): Channel[] =>
  deliver
    .map(({ channel }) => channel)
    .filter(channel => (digest?.channels ? digest.channels.includes(channel) : channel !== 'in_app'))

/** `08:00`, on a clock of 24 hours. */
const isTimeOfDay = (text: string): boolean => /^([01]\d|2[0-3]):[0-5]\d$/.test(text)

/** One text for each thing that is wrong with the steps. */
function stepProblems({ deliver, acted }: AnyNotificationType): string[] {
  const problems = deliver.flatMap(({ channel, after, unless }) => {
    const given: unknown = unless
    if (given !== undefined && !unlessFacts.some(fact => fact === given))
      return [`${channel}: unless must be one of ${unlessFacts.join(', ')}`]
    if (after === undefined)
      return unless === undefined || unless === 'active' ? [] : [`${channel}: unless ${unless} needs a time: after`]
    if (!isDuration(after)) return [`${channel}: after "${String(after)}" is not a duration`]
    const problems = durationMs(after) > durationMs(afterMax) ? [`${channel}: after must be at most ${afterMax}`] : []
    if (unless === 'acted' && acted === undefined)
      problems.push(`${channel}: unless acted needs the success that the type waits for, like acted: 'invite.accepted'`)
    return problems
  })
  if (acted !== undefined && !wordsPattern.test(acted)) problems.push('acted must be lower-case words joined by dots')
  return problems
}

/** Doubt policy in force: the type's word, else what is safe for the channel. */
export const doubtPolicyOf = (entry: Pick<AnyNotificationType, 'doubt'>, channel: Channel): DoubtPolicy =>
  entry.doubt ?? (channel === 'email' || channel === 'sms' ? 'await_receipt' : 'resend')

/** Segments that a text message of a type may take. */
export const segmentsMaxOf = ({ sms }: Pick<AnyNotificationType, 'sms'>): number => sms?.segmentsMax ?? 4
