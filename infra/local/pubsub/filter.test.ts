import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileFilter } from './filter.ts'

const message = new Map([
  ['lane', 'critical'],
  ['cell', 'eu-1'],
  ['iana.org/language_tag', 'de'],
  ['quote', 'say "hi"\n'],
  ['empty', ''],
])

const matching = [
  'attributes:lane',
  'attributes:empty',
  'attributes:"iana.org/language_tag"',
  'attributes.lane = "critical"',
  'attributes.lane="critical"',
  'attributes."iana.org/language_tag" = "de"',
  'attributes.lane != "bulk"',
  'attributes.missing != "anything"',
  'hasPrefix(attributes.cell, "eu-")',
  'hasPrefix(attributes."iana.org/language_tag", "d")',
  'hasPrefix(attributes.lane, "")',
  'NOT attributes:missing',
  '-attributes:missing',
  'NOT NOT attributes:lane',
  'attributes:lane AND attributes:cell AND NOT attributes:missing',
  'attributes:missing OR attributes:lane',
  '(attributes:missing OR attributes:lane) AND attributes.cell = "eu-1"',
  'attributes:lane AND (attributes:missing OR attributes:cell)',
  'NOT (attributes:missing OR attributes.lane = "bulk")',
  '  attributes:lane  ',
  'attributes.quote = "say \\"hi\\"\\n"',
  'attributes.lane = "\\u0063\\x72\\151tical"',
]

const notMatching = [
  'attributes:missing',
  'attributes:Lane',
  'attributes.lane = "Critical"',
  'attributes.missing = ""',
  'attributes.lane != "critical"',
  'hasPrefix(attributes.cell, "us-")',
  'hasPrefix(attributes.missing, "")',
  'NOT attributes:lane',
  'attributes:lane AND attributes:missing',
  'NOT attributes:lane OR attributes:missing',
]

const broken = [
  'lane',
  'attributes',
  'attributes:',
  'attributes.lane',
  'attributes.lane = critical',
  'attributes.lane == "critical"',
  'attributes.lane = "critical',
  "attributes.lane = 'critical'",
  'attributes.lane < "critical"',
  'attributes:lane and attributes:cell',
  'attributes:lane AND',
  'AND attributes:lane',
  'attributes:lane attributes:cell',
  '(attributes:lane',
  'attributes:lane)',
  'attributes:lane AND attributes:cell OR attributes:missing',
  'hasPrefix(attributes.cell)',
  'hasPrefix(attributes:cell, "eu")',
  'hasSuffix(attributes.cell, "1")',
  'attributes.lane = "\\uZZZZ"',
  `attributes.lane = "${'x'.repeat(256)}"`,
]

for (const source of matching) test(`matches: ${source}`, () => assert.equal(compileFilter(source)?.(message), true))

for (const source of notMatching) {
  test(`does not match: ${source}`, () => assert.equal(compileFilter(source)?.(message), false))
}

for (const source of broken) {
  test(`is refused: ${source.slice(0, 80)}`, () => assert.throws(() => compileFilter(source), { code: 3 }))
}

test('nothing is no filter', () => {
  assert.equal(compileFilter(''), undefined)
  assert.equal(compileFilter('  '), undefined)
})
