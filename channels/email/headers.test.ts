import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import type { AnyNotificationType } from '#contracts/catalogue.ts'
import { setup as startSimulators } from '#local/simulators/test-setup.ts'
import { tracesFolder } from '#tests/servers.ts'
import { createWorld, greeting, mailbox } from '../world.fixture.ts'
import { sendgridProvider } from './sendgrid.ts'

const deliver = [{ channel: 'email' as const }]
const breaks = ['\r', '\n', '\r\nBcc: all@mail.example', '\0', '\u2028', '\u2029']

/** Everybody gets a mail of their own subject. Gives how each ended, and the lines of the log at error. */
async function mailed(subjects: readonly string[], type: Partial<AnyNotificationType> = {}) {
  const email = ({ data }: { data: never }) => ({
    subject: (data as { name: string }).name,
    ...{ text: 'x', html: { html: '<p>x</p>' } },
  })
  await using world = await createWorld({ types: [{ ...greeting, deliver, templates: { en: { email } }, ...type }] })
  await using simulators = await startSimulators()
  const { apiKey } = simulators.credentials.sendgrid
  const baseUrl = `http://127.0.0.1:${simulators.ports.sendgrid}/`
  world.use(sendgridProvider({ apiKey, baseUrl, from: 'Us <us@example.com>' }))
  const to = subjects.map((name, n) => ({
    recipient: `u${n}`,
    endpoint: 'mail',
    key: `k${n}`,
    intent: { data: { name } },
  }))
  for (const { recipient } of to) await world.addPerson(recipient, { endpoints: [mailbox(`${recipient}@example.com`)] })
  await world.deliver(await world.write({ channel: 'email', provider: 'sendgrid', to }))
  const ends = await world.ends()
  const lines = world.lines.filter(line => line.includes('template'))
  return { ends: subjects.map((_, n) => ends[`u${n}`]), lines }
}

test('a subject with a line break in it is sent to nobody, and the field is named', async t => {
  const folder = tracesFolder()
  if (!folder) t.diagnostic('without the recorded list of naughty strings')
  const recorded = folder ? (JSON.parse(await readFile(path.join(folder, 'blns.json'), 'utf8')) as string[]) : []
  // What no intent can hold does not get here.
  const naughty = recorded.filter(text => text.isWellFormed() && text !== '' && !text.includes('\0')).slice(0, 480)
  const subjects = [
    ...naughty,
    ...breaks.filter(text => text !== '\0').map(text => `News${text}`),
    'News: 100 % “ok” 🦊',
  ]
  const { ends, lines } = await mailed(subjects)
  subjects.forEach((subject, n) =>
    assert.equal(ends[n], /[\r\n\u2028\u2029]/.test(subject) ? 'template_error' : 'sent', JSON.stringify(subject)),
  )
  assert.ok(lines.length >= 5 && lines.every(line => line.includes('its subject holds a line break')))
})

test('an address for answers that nobody has set up is an error of the template', async () => {
  const email = () => ({ subject: 'News', text: 'x', html: { html: 'x' }, replyTo: 'nobody' })
  const { ends, lines } = await mailed(['x'], { templates: { en: { email } } })
  assert.deepEqual(ends, ['template_error'])
  assert.match(lines.join(), /its replyTo is none of/)
})
