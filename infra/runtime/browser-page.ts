import { hash } from 'node:crypto'
import type { FastifyReply } from './http.ts'

/**
 * Sends a page that runs the scripts and has the styles that stand in it, loads modules from this server and calls it; nothing
 * else is loaded, and no other page may frame it (https://www.w3.org/TR/CSP3/).
 */
export function sendPage(reply: FastifyReply, html: string): FastifyReply {
  return reply
    .headers({ 'content-security-policy': policyOf(html), 'x-frame-options': 'DENY' })
    .type('text/html; charset=utf-8')
    .send(html)
}

function policyOf(html: string): string {
  const hashesOf = (tag: 'script' | 'style') =>
    [...html.matchAll(new RegExp(`<${tag}[^>]*>([^]*?)</${tag}>`, 'g'))]
      .filter(([, inside]) => inside !== '')
      .map(([, inside]) => ` 'sha256-${hash('sha256', inside!, 'base64')}'`)
      .join('')
  return [
    `default-src 'none'`,
    `script-src 'self'${hashesOf('script')}`,
    `style-src${hashesOf('style')}`,
    `connect-src 'self'`,
    `base-uri 'none'`,
    `form-action 'none'`,
    `frame-ancestors 'none'`,
  ].join('; ')
}
