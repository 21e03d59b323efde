import { z } from 'zod'
import { type AnyNotificationType, catalogueOf } from '#contracts/catalogue.ts'
import type { Channel } from '#contracts/channel.ts'
import { html } from '#producers/sdk/html.ts'

const schema = z.object({ n: z.number().int(), title: z.string(), body: z.string() })
type Data = z.output<typeof schema>

const content = {
  push: ({ data }: { data: Data }) => ({ title: data.title, body: data.body }),
  in_app: ({ data }: { data: Data }) => ({ title: data.title, body: data.body }),
  email: ({ data }: { data: Data }) => ({ subject: data.title, text: data.body, html: html`<p>${data.body}</p>` }),
  sms: ({ data }: { data: Data }) => ({ text: data.body }),
}

const channels = ['push', 'in_app', 'email', 'sms'] as const satisfies readonly Channel[]

/** What the types of a family declare; every rule looks at every notification, and passes it. */
const families = {
  plain: {},
  windows: {
    dedupe: { key: data => String((data as Data).n), within: '10m' },
    throttle: { limit: 1000, per: '1h' },
  },
  budget: { category: 'budgeted' },
  digest: { digest: { by: 'thread', every: '1h', sendFirst: true, channels } },
  experiments: { holdout: 1e-9, arms: { name: 'bench', split: { a: 50, b: 50 } } },
} satisfies Record<string, Partial<AnyNotificationType>>

const everyRule: Partial<AnyNotificationType> = Object.assign({}, ...Object.values(families))

/** Families without a rule, of another lane. */
const laneFamilies = { critical: { lane: 'critical' }, bulk: { lane: 'bulk' } } satisfies Record<
  string,
  Partial<AnyNotificationType>
>
const declared = { ...families, ...laneFamilies, all: everyRule }

/** A family's rules, or all of them together; or none of them, on another lane. */
export type Family = keyof typeof declared
/** Those that differ by their rules. */
export const familyNames = [...(Object.keys(families) as (keyof typeof families)[]), 'all'] as const

const typeFor = (channel: (typeof channels)[number], family: Family): AnyNotificationType => ({
  ...{ type: `bench.${family}_${channel}`, category: 'comments', lane: 'default', owner: 'bench', value: 3, schema },
  maxRecipients: 10_000_000,
  ...declared[family],
  deliver: [{ channel }],
  templates: { en: { [channel]: content[channel] as never } },
})

export const typeOf = (channel: Channel, family: Family): string =>
  catalogue.types.get(`bench.${family}_${channel}`)!.type

export const catalogue = catalogueOf(
  '1',
  channels.flatMap(channel => (Object.keys(declared) as Family[]).map(family => typeFor(channel, family))),
  {
    budgets: channels.map(channel => ({
      ...{ name: channel, channel, categories: ['budgeted'], limit: 1000, per: '1h', wait: '1h' },
      afterwards: 'expire',
    })),
  },
)
