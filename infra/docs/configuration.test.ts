import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { describeConfig } from '#runtime/config.ts'

test('configuration.md lists the variables as they are; `npm run --silent carillon -- config` prints them', () => {
  const page = readFileSync(path.join(import.meta.dirname, 'configuration.md'), 'utf8')
  const table = /<!-- config -->\n([\s\S]*?)\n<!-- \/config -->/.exec(page)?.[1]
  assert.equal(table, describeConfig())
})
