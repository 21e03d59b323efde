import type { ContentOf, TemplateInput } from '#contracts/catalogue.ts'
import type { Channel } from '#contracts/channel.ts'
import type { z } from 'zod'
import { mail } from './mail.ts'

/**
 * Schema and templates of a type that says the same on every channel. A text message is the title and the address; `link`
 * is what a mail calls the address. No template speaks of channels, so a type may change where it is told.
 */
export function told<Schema extends z.ZodType>(schema: Schema, words: Record<'en' | 'de', Say<z.output<Schema>>>) {
  return { schema, templates: { en: everywhere(words.en), de: everywhere(words.de) } }
}

type Words = { title: string; body: string; url: string; link: string }
type Say<Data> = (input: TemplateInput<Data>) => Words

function everywhere<Data>(say: Say<Data>): { [C in Channel]: (input: TemplateInput<Data>) => ContentOf[C] } {
  const short = (input: TemplateInput<Data>) => {
    const { title, body, url } = say(input)
    return { title, body, url }
  }
  return {
    in_app: short,
    push: short,
    sms: input => {
      const { title, url } = say(input)
      return { text: `${title} ${url}` }
    },
    email: input => {
      const { title, body, url, link } = say(input)
      return mail({ subject: title, lines: [body], url, link })
    },
  }
}
