import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { letterOf, letterParts } from '#channels/email/letter.ts'
import { segmentsSent } from '#channels/sms/body.ts'
import type { AnyNotificationType, ContentOf, SmsContent } from '#contracts/catalogue.ts'
import { type Channel, channels } from '#contracts/channel.ts'
import { type Config, readConfig } from '#runtime/config.ts'
import { brandOf } from '../brand.ts'
import { CommandError } from '../command.ts'
import { dataOf, entryOf } from '../catalogue-entry.ts'
import { catalogueFrom } from '../catalogue-from.ts'

/** `carillon preview`. */
export async function runPreview(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    ...{ args, allowPositionals: true },
    options: {
      ...{
        locale: { type: 'string' },
        channel: { type: 'string' },
        data: { type: 'string' },
        arm: { type: 'string' },
        html: { type: 'string' },
      },
    },
  })
  const config = readConfig()
  const { catalogue } = await catalogueFrom(config)
  const entry = entryOf(catalogue, positionals[0])
  const locales = Object.keys(entry.templates)
  const locale = values.locale ?? locales[0]!
  if (!locales.includes(locale)) throw new CommandError(`${entry.type} is written in ${locales.join(', ')}`)
  const arms = Object.keys(entry.arms?.split ?? {})
  const arm = values.arm ?? arms[0]
  if (values.arm !== undefined && !arms.includes(values.arm))
    throw new CommandError(arms.length > 0 ? `the arms of ${entry.type} are ${arms.join(', ')}` : 'it has no arms')
  const wanted = entry.deliver
    .filter(step => step.arm === undefined || step.arm === arm)
    .map(step => step.channel)
    .filter(channel => values.channel === undefined || channel === values.channel)
  if (wanted.length === 0)
    throw new CommandError(
      `${entry.type} is delivered by ${entry.deliver.map(step => step.channel).join(', ')}; channels are ${channels.join(', ')}`,
    )
  const data = values.data === undefined ? fieldNames : await dataOf(entry, values.data)
  const { publicUrl: url } = config.http
  for (const channel of wanted)
    console.log(shown({ entry, channel, locale, data, arm }, url === undefined ? url : { url }))
  if (values.html !== undefined) {
    if (!wanted.includes('email')) throw new CommandError('--html writes a mail, and email is not among the channels')
    const page = pageOf({ entry, channel: 'email', locale, data, arm }, config)
    await writeFile(values.html, page).catch((error: NodeJS.ErrnoException) => {
      throw new CommandError(`${values.html} cannot be written: ${error.code}`, 1)
    })
    console.log(`${values.html}: the mail, to be opened in a browser`)
  }
  return 0
}

type Asked = { entry: AnyNotificationType; channel: Channel; locale: string; data: unknown; arm: string | undefined }

/** The mail as its layout shows it. Its links lead where the template says. */
function pageOf(asked: Asked, config: Config): string {
  const { entry, locale } = asked
  const content = contentOf(asked) as ContentOf['email']
  const said = { content, locale, ...(!entry.mandatory && { categories: [entry.category] }) }
  return letterOf(brandOf(config))(
    letterParts(said, { unsubscribe: '#unsubscribe', page: '#preferences' }),
    content.layout,
  ).html
}

function contentOf({ entry, channel, locale, data, arm }: Asked): ContentOf[Channel] | undefined {
  const input = { data, locale, arm, actor: '‹actor›', thread: '‹thread›', tenant: '‹tenant›' }
  return entry.templates[locale]?.[channel]?.(input as never)
}

/** Without data each field shows its own name. */
const fieldNames: unknown = new Proxy({}, { get: (_, name) => (typeof name === 'string' ? `‹${name}›` : undefined) })

function shown(asked: Asked, links: { url: string } | undefined): string {
  const { entry, channel, locale, arm } = asked
  const content = contentOf(asked)
  const said = Object.entries(content ?? {}).filter(([, value]) => value !== undefined)
  const lines = said.map(([field, value]: [string, unknown]) => {
    const text = typeof value === 'string' ? value : isHtml(value) ? value.html : JSON.stringify(value)
    return `  ${field.padEnd(8)} ${text.replaceAll('\n', '\n           ')}`
  })
  if (channel === 'sms') lines.push(`  segments ${segmentsSent(content as SmsContent, links)}`)
  return [[entry.type, channel, locale, ...(arm === undefined ? [] : [`arm ${arm}`])].join(' · '), ...lines, ''].join(
    '\n',
  )
}

const isHtml = (value: unknown): value is { html: string } =>
  typeof value === 'object' && value !== null && 'html' in value && typeof value.html === 'string'
