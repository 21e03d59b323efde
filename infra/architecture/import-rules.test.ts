import assert from 'node:assert/strict'
import { test } from 'node:test'
import { forbiddenImports, rings } from './import-rules.ts'
import { readSource } from './source.ts'

const borders = {
  '#channels': 'channels',
  '#cli': 'infra/cli',
  '#contracts': 'infra/contracts',
  '#ledger': 'infra/ledger',
  '#preferences': 'preferences',
  '#router': 'router',
  '#runtime': 'infra/runtime',
  '#tests': 'infra/tests',
}
type Case = { what: string; file: string; text: string }

const refused: Case[] = [
  { what: 'another stage', file: 'router/a.ts', text: `import { deliver } from '#channels/deliver.ts'` },
  { what: 'a type of another stage', file: 'channels/a.ts', text: `import type { Route } from '#router/route.ts'` },
  { what: 'a type spelled inline', file: 'router/a.ts', text: `type A = import('#channels/deliver.ts').A` },
  { what: 'the composition root', file: 'channels/a.ts', text: `import { main } from '#cli/main.ts'` },
  { what: 'test servers, outside a test', file: 'channels/a.ts', text: `import { a } from '#tests/servers.ts'` },
  { what: 'what is handed on', file: 'infra/contracts/a.ts', text: `export { x } from '#runtime/x.ts'` },
  { what: 'all that is handed on', file: 'infra/contracts/a.ts', text: `export * from '#runtime/x.ts'` },
  { what: 'at run time', file: 'infra/contracts/a.ts', text: `const x = await import('#runtime/x.ts')` },
  { what: 'preferences past its face', file: 'router/a.ts', text: `import { a } from '#preferences/choices-store.ts'` },
  { what: 'by a relative path over a border', file: 'infra/ledger/a.ts', text: `import { x } from '../runtime/x.ts'` },
  { what: 'a part that does not exist', file: 'router/a.ts', text: `import { x } from '#shared/x.ts'` },
  { what: 'a vendor package', file: 'router/a.ts', text: `import { Queue } from 'bullmq'` },
  { what: 'a part of a package', file: 'channels/a.ts', text: `import { x } from 'firebase-admin/messaging'` },
  { what: 'kysely outside a store', file: 'router/windows.ts', text: `import { sql } from 'kysely'` },
  {
    what: 'Pub/Sub beside the publisher',
    file: 'producers/sdk/a.ts',
    text: `import { PubSub } from '@google-cloud/pubsub'`,
  },
  { what: 'a built-in without node:', file: 'router/a.ts', text: `import fs from 'fs'` },
  { what: 'from a folder without a row', file: 'infra/shared/a.ts', text: '' },
]
for (const { what, file, text } of refused)
  test(`refused: ${what}`, () => assert.equal(forbiddenImports([readSource(file, text)], borders).length, 1))

const allowed: Case[] = [
  { what: 'the face of preferences', file: 'router/a.ts', text: `import { mayWe } from '#preferences/preferences.ts'` },
  { what: 'kysely in a store', file: 'router/windows-store.ts', text: `import { sql } from 'kysely'` },
  {
    what: 'a provider in its file',
    file: 'channels/push/fcm.ts',
    text: `import { x } from 'firebase-admin/messaging'`,
  },
  { what: 'a provider in its files', file: 'channels/sms/twilio-a.ts', text: `import twilio from 'twilio'` },
  { what: 'test servers in a test', file: 'channels/a.test.ts', text: `import { a } from '#tests/servers.ts'` },
  { what: 'a neighbour', file: 'router/policies/a.ts', text: `import { b } from '../b.ts'` },
  { what: 'a built-in', file: 'router/a.ts', text: `import path from 'node:path'` },
  {
    what: 'anything, in the composition root',
    file: 'infra/cli/a.ts',
    text: `import { a } from '#router/a.ts'; import 'pg'`,
  },
]
for (const { what, file, text } of allowed)
  test(`allowed: ${what}`, () => assert.deepEqual(forbiddenImports([readSource(file, text)], borders), []))

test('a ring across folders is found, unless it is one of types', () => {
  assert.deepEqual(rings(ringOf('import'), borders), [
    'router/a.ts → router/b.ts → infra/ledger/c.ts → router/a.ts: a ring of imports',
  ])
  assert.deepEqual(rings(ringOf('import type'), borders), [])
})

function ringOf(last: 'import' | 'import type') {
  return [
    readSource('router/a.ts', `import { b } from './b.ts'`),
    readSource('router/b.ts', `import { c } from '#ledger/c.ts'`),
    readSource('infra/ledger/c.ts', `${last} { a } from '#router/a.ts'`),
  ]
}
