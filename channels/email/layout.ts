import { readFileSync } from 'node:fs'
import path from 'node:path'
import { escaped } from '#contracts/escaped.ts'

/** Who mails are from, for the eye: `colour` (`#4338ca`) of buttons and links, `postal` the address that CAN-SPAM asks for. */
export type Brand = { name: string; colour: string; postal?: string | undefined }

/** Of an installation that says nothing of itself. */
export const plainBrand: Brand = { name: 'Carillon', colour: '#4338ca' }

/** What differs from one mail to another in the layout, each as it stands in HTML. `preview`: what lists of mails show. */
export type Slots = { lang: string; preview: string; body: string; footer: string }

/** `layout.mjml`, compiled (`infra/tests/mail-layout.ts`); a test compiles it again and compares. */
export const layoutFile = path.join(import.meta.dirname, 'layout.html')

/** The layout of one brand: read and filled in with it once, then with each mail. */
export function layoutOf(brand: Brand): (slots: Slots) => string {
  const own: Record<string, string> = {
    brand: escaped(brand.name),
    sender: [brand.name, brand.postal]
      .filter(text => text !== undefined)
      .map(escaped)
      .join(' · '),
    colour: brand.colour,
    ink: inkOn(brand.colour),
  }
  const template = readFileSync(layoutFile, 'utf8').replace(/\[\[(\w+)\]\]/g, (slot, name: string) => own[name] ?? slot)
  // Every other part is the name of a slot.
  const parts = template.split(/\[\[(\w+)\]\]/)
  return slots => parts.map((part, at) => (at % 2 === 0 ? part : slots[part as keyof Slots])).join('')
}

/** White, or black where that reads better (WCAG 2.2, relative luminance). */
function inkOn(colour: string): string {
  const [red, green, blue] = [1, 3, 5].map(at => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
  return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 ? '#ffffff' : '#000000'
}
