import sendgrid from '@sendgrid/mail'
import apn from 'apn'
import { Worker } from 'bullmq'
import { cert, initializeApp } from 'firebase-admin/app'
import { getMessaging } from 'firebase-admin/messaging'
import { Redis } from 'ioredis'
import pg from 'pg'
import twilio from 'twilio'
import type { LocalCredentials } from '#local/credentials.ts'
import type { SimulatorPorts } from '#local/simulators/server.ts'
import { twilioClientTo } from './twilio-client.ts'
import type { Notification } from './router.ts'

type Job = Notification & { address: string }

/** The workers that a team writes by hand: one provider call for each job, one INSERT for each event. */
export async function startBaselineWorker(options: {
  databaseUrl: string
  redisUrl: string
  credentials: LocalCredentials
  ports: SimulatorPorts
}) {
  const pool = new pg.Pool({ connectionString: options.databaseUrl, max: 20 })
  const redis = new Redis(options.redisUrl, { maxRetriesPerRequest: null })
  const send = openSenders(pool, options)
  const workers = Object.keys(send).map(
    channel =>
      new Worker<Job>(
        `baseline-${channel}`,
        async job => {
          await send[channel as Notification['channel']](job.data)
          await pool.query({
            name: 'event',
            text: 'insert into baseline_events (notification, recipient, channel, what, at) values ($1, $2, $3, $4, now())',
            values: [job.data.id, job.data.user, channel, 'sent'],
          })
        },
        { connection: redis, concurrency: 50 },
      ),
  )
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map(worker => worker.close()))
      redis.disconnect()
      await pool.end()
    },
  }
}

/** One client for each provider, made once. */
function openSenders(pool: pg.Pool, { credentials, ports }: { credentials: LocalCredentials; ports: SimulatorPorts }) {
  const messaging = getMessaging(initializeApp({ credential: cert(credentials.fcm.serviceAccountFile) }))
  const apns = new apn.Provider({
    token: { key: credentials.apns.keyFile, keyId: credentials.apns.keyId, teamId: credentials.apns.teamId },
    ...{ production: false, address: 'localhost', port: ports.apns, ca: [credentials.ca] },
  })
  sendgrid.setApiKey(credentials.sendgrid.apiKey)
  ;(
    sendgrid as unknown as { client: { setDefaultRequest(key: string, value: string): void } }
  ).client.setDefaultRequest('baseUrl', `http://127.0.0.1:${ports.sendgrid}/`)
  const sms = twilio(credentials.twilio.accountSid, credentials.twilio.authToken, {
    httpClient: twilioClientTo(ports.twilio),
  })

  const senders: Record<Notification['channel'], (job: Job) => Promise<unknown>> = {
    fcm: job => messaging.send({ token: job.address, notification: { title: job.title, body: job.body } }),
    apns: async job => {
      const note = new apn.Notification()
      note.alert = { title: job.title, body: job.body }
      note.topic = credentials.apns.topic
      note.pushType = 'alert'
      const result = await apns.send(note, job.address)
      if (result.failed.length > 0) throw new Error('apns refused')
    },
    in_app: job =>
      pool.query('insert into baseline_inbox (id, recipient, title, body) values ($1, $2, $3, $4)', [
        job.id,
        job.user,
        job.title,
        job.body,
      ]),
    email: job =>
      sendgrid.send({
        to: job.address,
        from: 'bench@example.com',
        subject: job.title,
        text: job.body,
        html: `<p>${job.body}</p>`,
      }),
    sms: job => sms.messages.create({ to: job.address, from: credentials.twilio.from, body: job.body }),
  }
  return senders
}
