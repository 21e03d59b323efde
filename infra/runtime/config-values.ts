import { createPublicKey } from 'node:crypto'
import { accessSync, constants } from 'node:fs'
import path from 'node:path'
import { type Channel } from '#contracts/channel.ts'
import { isRouteOf, type Route, weightOf } from '#contracts/routes.ts'
import { isEmail, isPhone } from '#contracts/intent.ts'

/** Makes the value of a text, or throws an error that says what the text must be. */
export type Parse<T> = (text: string) => T

export const root = path.resolve(import.meta.dirname, '..', '..')

export const text: Parse<string> = value => value
export const matching =
  (pattern: RegExp, what: string): Parse<string> =>
  value => {
    if (!pattern.test(value)) throw new Error(what)
    return value
  }
export const number =
  (min: number, max: number): Parse<number> =>
  value => {
    if (!/^\d{1,9}$/.test(value) || Number(value) < min || Number(value) > max)
      throw new Error(`a whole number from ${min} to ${max}`)
    return Number(value)
  }
export const oneOf =
  <T extends string>(names: readonly T[]): Parse<T> =>
  value => {
    const found = names.find(name => name === value)
    if (found === undefined) throw new Error(`one of ${names.join(', ')}`)
    return found
  }
export const someOf =
  <T extends string>(names: readonly T[]): Parse<T[]> =>
  value => [...new Set(value.split(',').map(name => oneOf(names)(name.trim())))]
export const url =
  (...schemes: string[]): Parse<string> =>
  value => {
    const scheme = URL.parse(value)?.protocol.slice(0, -1)
    if (scheme === undefined || !schemes.includes(scheme))
      throw new Error(`a URL that begins with ${schemes.join(':// or ')}://`)
    return value.replace(/\/$/, '')
  }
export const readable: Parse<string> = value => {
  const file = path.resolve(value)
  try {
    accessSync(file, constants.R_OK)
  } catch {
    throw new Error('a file that this process may read')
  }
  return file
}
export const files: Parse<string[]> = value => value.split(',').map(name => readable(name.trim()))
export const origins: Parse<string[]> = value =>
  value.split(',').map(given => {
    const { origin, protocol } = URL.parse(given.trim()) ?? {}
    if (origin === given.trim() && (protocol === 'https:' || protocol === 'http:')) return origin
    throw new Error('origins like https://app.example, with commas between')
  })
/** `us@example.com` or `Name <us@example.com>`: nothing in it may end a header or begin another address. */
export const sender: Parse<string> = value => {
  // oxlint-disable-next-line no-control-regex
  const [, name, address] = /^(?:([^\u0000-\u001f\u007f\u2028\u2029<>",;:@]{1,100}?) *<)?([^<>]+?)>?$/.exec(value) ?? []
  if (address === undefined || !isEmail(address) || value !== (name === undefined ? address : `${name} <${address}>`))
    throw new Error('an e-mail address, or Name <address> without commas, colons and quotes')
  return value
}
export const senders: Parse<Record<string, string>> = value =>
  Object.fromEntries(
    value.split(',').map(one => {
      const [, name, address] = /^\s*([a-z][a-z0-9_-]{0,39})=(.*?)\s*$/.exec(one) ?? []
      if (name === undefined) throw new Error('names with senders, like support=Support <support@example.com>')
      return [name, sender(address!)]
    }),
  )
export const line =
  (charsMax: number): Parse<string> =>
  value => {
    // oxlint-disable-next-line no-control-regex
    if (/[\u0000-\u001f\u007f\u2028\u2029]/.test(value) || value.length > charsMax)
      throw new Error(`one line of at most ${charsMax} characters`)
    return value
  }
export const smsSender: Parse<string> = value => {
  if (!isPhone(value) && !/^MG[0-9a-f]{32}$/.test(value))
    throw new Error('a number like +15005550006 or the id of a messaging service (MG…)')
  return value
}
export const smsPrices: Parse<{ currency: string; perSegment: Record<string, number> }> = value => {
  const [currency, ...prices] = value.trim().split(/\s+/)
  const isPrice = (text: string) => /^\+[1-9]\d{0,14}=\d+(\.\d+)?$/.test(text)
  if (!/^[A-Z]{3}$/.test(currency!) || prices.length === 0 || !prices.every(isPrice))
    throw new Error('a currency and prices of a segment by the beginning of numbers, like USD +1=0.01 +49=0.1')
  const perSegment = prices.map(text => text.split('=')).map(([prefix, price]) => [prefix!, Number(price)] as const)
  return { currency: currency!, perSegment: Object.fromEntries(perSegment) }
}
export const allowList: Parse<string[]> = value => {
  const patterns = value.split(',').map(pattern => pattern.trim())
  if (!patterns.every(pattern => /^(?=.)[^*]*\*?$/.test(pattern)))
    throw new Error('recipient ids, or beginnings that end in *, with commas between')
  return patterns
}
export const hostList: Parse<string[]> = value => {
  const hosts = value.split(',').map(host => host.trim().toLowerCase())
  if (!hosts.every(host => /^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(host)))
    throw new Error('names of hosts, or *. and the end of their names, with commas between')
  return hosts
}
export const webhookKeys: Parse<string[]> = value =>
  value.split(',').map(key => {
    const pem = `-----BEGIN PUBLIC KEY-----\n${key.trim()}\n-----END PUBLIC KEY-----\n`
    try {
      if (createPublicKey(pem).asymmetricKeyDetails?.namedCurve === 'prime256v1') return pem
    } catch {
      // Told below, without the words of the library.
    }
    throw new Error('verification keys as SendGrid shows them, with commas between')
  })
export const routesOf =
  (channel: Channel): Parse<Route[]> =>
  value => {
    const routes = value.split(',').map(part => {
      const [, name = '', weight = ''] = /^([a-z0-9_]+):(\d{1,4})$/.exec(part.trim()) ?? []
      return { name, weight: Number(weight) }
    })
    const names = new Set(routes.map(({ name }) => name))
    if (names.size < routes.length || weightOf(routes) === 0 || ![...names].every(name => isRouteOf(channel, name)))
      throw new Error(`accounts and weights like ${exampleRoutes[channel]}, each once, one with a weight`)
    return routes
  }
const exampleRoutes: { readonly [C in Channel]?: string } = {
  sms: 'twilio:90,twilio_b:10',
  email: 'sendgrid:1,sendgrid_b:1',
}
export const flag: Parse<boolean> = value => oneOf(['true', 'false'])(value) === 'true'
export const postgres = url('postgres', 'postgresql')
export const appleId = matching(/^\w{10}$/, '10 letters and digits')
