import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { commands } from './commands.ts'

const run = promisify(execFile)
const fileOf = (name: string) => path.join(import.meta.dirname, name)
const limits = { timeout: 300_000 }

test('every command says how it is used, and shows it', () => {
  for (const { name, usage, summary, example } of commands) {
    for (const shown of [usage, example]) assert.equal(shown.split(' ')[0], name)
    assert.match(summary, /^[A-Z].*\.$/)
  }
  assert.equal(new Set(commands.map(command => command.name)).size, commands.length)
})

test('`help COMMAND` and `COMMAND --help` say the same', limits, async () => {
  const [one, other] = await Promise.all(
    [
      ['help', 'trace'],
      ['trace', 'felix-7', '--help'],
    ].map(args => run(process.execPath, [fileOf('main.ts'), ...args])),
  )
  assert.equal(one!.stdout, other!.stdout)
  assert.match(
    one!.stdout,
    /^usage: npm run carillon -- trace INTENT.*\n\nTells .*\n\nexample: npm run carillon -- trace /,
  )
})

/** They hold a server, or a role that needs the library of its part. */
const running = ['start', 'router', 'worker', 'sink', 'api', 'pubsub', 'simulators', 'all', 'replay']
/** What only a running part needs, and takes long to load. */
const heavy = [
  ...['@google-cloud/pubsub', '@grpc/grpc-js', 'bullmq', 'ioredis', 'fastify', 'pino', 'node-forge'],
  ...['firebase-admin', 'apn', '@sendgrid/mail', 'twilio'],
]

test('a command that asks or tells something loads nothing that only a running part needs', limits, async () => {
  const script = `import { registerHooks } from 'node:module'
    const loaded = new Set()
    registerHooks({ resolve(specifier, context, next) {
      const found = next(specifier, context)
      loaded.add(/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(found.url)?.[1])
      return found
    } })
    const { commands } = await import(${JSON.stringify(fileOf('commands.ts'))})
    const asking = commands.filter(({ name }) => !${JSON.stringify(running)}.includes(name))
    for (const { run } of asking) await run(['--no-such-option']).catch(() => {})
    console.log(JSON.stringify({ asked: asking.length, loaded: [...loaded].filter(Boolean) }))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script])
  const { asked, loaded } = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as { asked: number; loaded: string[] }
  assert.equal(asked, commands.length - running.length)
  assert.ok(loaded.includes('pg'))
  assert.deepEqual(
    heavy.filter(name => loaded.includes(name)),
    [],
  )
})
