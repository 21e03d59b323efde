import { z } from 'zod'
import { catalogueOf } from '#contracts/catalogue.ts'
import type { Channel } from '#contracts/channel.ts'
import { defineNotification } from '#producers/sdk/define-notification.ts'
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

/** A type for each channel. `windows`: with a throttle and a dedupe rule that look at every notification and pass it. */
const typeFor = (channel: (typeof channels)[number], windows: boolean) =>
  defineNotification({
    type: `bench.${windows ? 'windows_' : ''}${channel}`,
    category: 'comments',
    lane: 'default',
    owner: 'bench',
    value: 3,
    schema,
    ...(windows && {
      dedupe: { key: (data: Data) => String(data.n), within: '10m' },
      throttle: { limit: 1000, per: '1h' },
    }),
    deliver: [{ channel }],
    templates: { en: { [channel]: content[channel] } },
  })

export const typeOf = (channel: Channel, windows: boolean) =>
  catalogue.types.get(`bench.${windows ? 'windows_' : ''}${channel}`)!.type

export const catalogue = catalogueOf(
  '1',
  channels.flatMap(channel => [typeFor(channel, false), typeFor(channel, true)]),
)
