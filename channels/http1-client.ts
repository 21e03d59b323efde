import http from 'node:http'
import https from 'node:https'
import { callIsOver, callLeftMs } from './call-deadline.ts'
import type { Response } from './http2-client.ts'

export type Post = { headers: Readonly<Record<string, string>>; body: string }

/** A connection that idled longer may be closed by the server just when it is used again, and what was sent on it is in doubt. */
const idleMs = 4_000
const bodyCharsMax = 100_000

/**
 * POSTs over kept HTTP/1.1 connections, as many as there are requests at once: none waits here, to be written when nobody waits
 * for it any more. Rejects, by the error of the connection, where no whole answer came; a request is cut off at the deadline of the
 * call that it is made for.
 */
export function http1Client() {
  const kept = { keepAlive: true, timeout: idleMs }
  const agents = { 'http:': new http.Agent(kept), 'https:': new https.Agent(kept) }
  return {
    post(url: URL, { headers, body }: Post): Promise<Response> {
      const protocol = url.protocol as keyof typeof agents
      const { request } = protocol === 'http:' ? http : https
      const sized = { ...headers, 'content-length': Buffer.byteLength(body) }
      return new Promise((resolve, reject) => {
        const asked = request(url, { method: 'POST', agent: agents[protocol], headers: sized })
        const timer = setTimeout(() => asked.destroy(callIsOver()), callLeftMs())
        asked.on('close', () => clearTimeout(timer))
        asked.on('error', reject)
        asked.on('response', answer => {
          let text = ''
          answer.setEncoding('utf8')
          answer.on('error', reject)
          answer.on('data', (part: string) => {
            text += part
            if (text.length > bodyCharsMax) answer.destroy(new Error('the answer is too long'))
          })
          answer.on('end', () => resolve({ status: answer.statusCode!, headers: answer.headers, body: text }))
        })
        asked.end(body)
      })
    },
    close: () => Object.values(agents).forEach(agent => agent.destroy()),
  }
}

/** What a text says as JSON; undefined where it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
