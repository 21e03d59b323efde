import { z } from 'zod'
import { catalogueOf } from '#contracts/catalogue.ts'
import { defineNotification } from '#producers/sdk/define-notification.ts'

/** What no place may hold but those that must: words of messages, of types that are not secret and of one that is. */
export const words = {
  plain: 'zebrafish quartz',
  secret: 'ocelot vermilion',
  broken: 'tapir saffron',
  parked: 'quokka cerise',
}

const schema = z.object({ word: z.string() })
const templates = {
  push: ({ data }: { data: { word: string } }) => ({ title: data.word, body: data.word }),
  sms: ({ data }: { data: { word: string } }) => ({ text: data.word }),
  email: ({ data }: { data: { word: string } }) => ({
    subject: data.word,
    text: data.word,
    html: { html: `<p>${data.word}</p>` },
  }),
  in_app: ({ data }: { data: { word: string } }) => ({ title: data.word, body: data.word }),
}
const common = { category: 'social', lane: 'default', owner: 'tests', value: 3, schema } as const

const said = defineNotification({
  ...{ ...common, type: 'canary.said' },
  deliver: [{ channel: 'push' }, { channel: 'sms' }, { channel: 'email' }, { channel: 'in_app' }],
  templates: { en: templates },
})
const coded = defineNotification({
  ...{ ...common, type: 'canary.coded', sensitive: true },
  deliver: [{ channel: 'push' }, { channel: 'sms' }, { channel: 'email' }],
  templates: { en: { push: templates.push, sms: templates.sms, email: templates.email } },
})
const fail = (word: string): never => {
  throw new TypeError(`cannot render ${word}`)
}
const broken = defineNotification({
  ...{ ...common, type: 'canary.broken' },
  deliver: [{ channel: 'push' }, { channel: 'email' }],
  templates: { en: { push: ({ data }) => fail(data.word), email: ({ data }) => fail(data.word) } },
})

export const catalogue = catalogueOf('1', [said, coded, broken])
