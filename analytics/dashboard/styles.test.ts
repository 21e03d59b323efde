import assert from 'node:assert/strict'
import { test } from 'node:test'
import { colours, grounds, styles } from './styles.ts'

type Colour = readonly [red: number, green: number, blue: number]

/** Machado, Oliveira and Fernandes 2009, of severity 1: what eyes without one kind of cone make of a colour. */
const eyes: Record<string, readonly Colour[]> = {
  all: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
}

test('each layer stands out from its ground, and from each other for people of any eyes', () => {
  for (const [scheme, ground] of grounds.entries()) {
    const all = colours.map(pair => pair[scheme]!)
    for (const one of all)
      assert.ok(contrast(linear(one), linear(ground)) >= 3, `${one} on ${ground} (WCAG 2.2, 1.4.11)`)
    for (const [name, seen] of Object.entries(eyes))
      for (const [n, one] of all.entries())
        for (const other of all.slice(0, n)) {
          const [a, b] = [one, other].map(hex => oklab(through(seen, linear(hex))))
          assert.ok(far(a!, b!) > 0.07, `${one} and ${other}: ${name} ${far(a!, b!)}`)
        }
  }
})

test('lines are as strong as their colours: what tells of a period that runs is thinner, not paler', () => {
  for (const [rule] of styles.matchAll(/\.(?:running|dot|line-\d)[^{}]*\{[^}]*\}/g))
    assert.doesNotMatch(rule, /opacity/)
  assert.match(styles, /\.running \{ stroke-width/)
})

const linear = (hex: string): Colour =>
  [1, 3, 5].map(at => {
    const part = parseInt(hex.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  }) as unknown as Colour

const through = (rows: readonly Colour[], colour: Colour): Colour =>
  rows.map(row => Math.min(1, Math.max(0, dot(row, colour)))) as unknown as Colour
const dot = (a: Colour, b: Colour): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
const far = (a: Colour, b: Colour): number => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])

function contrast(a: Colour, b: Colour): number {
  const [dark, light] = [a, b].map(one => dot([0.2126, 0.7152, 0.0722], one)).toSorted((x, y) => x - y)
  return (light! + 0.05) / (dark! + 0.05)
}

/** A space in which distances are as people see them (Ottosson 2020). */
function oklab(colour: Colour): Colour {
  const cones = through(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    colour,
  ).map(Math.cbrt) as unknown as Colour
  return [
    dot([0.2104542553, 0.793617785, -0.0040720468], cones),
    dot([1.9779984951, -2.428592205, 0.4505937099], cones),
    dot([0.0259040371, 0.7827717662, -0.808675766], cones),
  ]
}
