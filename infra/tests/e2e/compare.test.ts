import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { catalogue } from '#producers/catalogue/catalogue.ts'
import { emptyLedger, intentOf, routeAt } from '#router/routing.fixture.ts'
import { startProgram } from '../program.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const data = { commentId: 'c1', author: 'ada', title: 'Docs', excerpt: 'Hello', url: 'https://docs.example/1' }
const file = path.resolve(import.meta.dirname, '../../../producers/catalogue/catalogue.ts')

test('a candidate catalogue is a module; what cannot be one is told in a line', async () => {
  await using ledger = await emptyLedger()
  await using folder = await temporaryFolder()
  const at = Date.now() - 60_000
  const to = [{ kind: 'recipient' as const, id: 'u1' }]
  const types = [...catalogue.types.values()].filter(entry => !entry.digest?.into)
  await routeAt(at, [intentOf({ type: 'comment.created', to, occurredAt: at, data })], { db: ledger.db, types })
  const candidate = path.join(folder.path, 'candidate.ts')
  await writeFile(
    candidate,
    `import { catalogue as current } from ${JSON.stringify(file)}
     const types = new Map([...current.types].filter(([type]) => type !== 'comment.created'))
     export const catalogue = { ...current, types }`,
  )
  const env = { DATABASE_URL: ledger.url, CARILLON_DATA_DIR: folder.path }
  await using compared = startProgram(['compare', '--with', candidate], env)
  assert.equal(await compared.ended, 0, compared.said())
  assert.match(compared.out, /^1 times somebody was to be told/)
  assert.match(compared.out, /\ncomment\.created +unknown +not in the catalogue +0 +1 +\+1\n/)
  assert.match(compared.out, /\ncomment\.created +in_app +deliver +default +1 +0 +-1\n/)
  await writeFile(candidate, 'export const types = []')
  await using wrong = startProgram(['compare', '--with', candidate], env)
  assert.equal(await wrong.ended, 2, wrong.said())
  assert.equal(wrong.err, 'carillon compare: candidate.ts exports no `catalogue`\n')
})
