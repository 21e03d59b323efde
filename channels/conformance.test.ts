import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import type { Answer, AnswerKind } from '#contracts/outcome.ts'
import { commonAnswers, type ProviderName } from '#local/simulators/answers.ts'
import { apnsAnswers as apnsScript } from '#local/simulators/apns.ts'
import { parseRule } from '#local/simulators/control.ts'
import { fcmAnswers as fcmScript } from '#local/simulators/fcm.ts'
import { sendgridAnswers as sendgridScript } from '#local/simulators/sendgrid.ts'
import { setup } from '#local/simulators/test-setup.ts'
import { twilioAnswers as twilioScript } from '#local/simulators/twilio.ts'
import { webPushAnswers as webPushScript } from '#local/simulators/web-push.ts'
import type { OutMessage, Provider } from './provider.ts'
import { calledBy, messageTo, type Simulators, subjects, undoRedirect } from './providers.fixture.ts'

const all = (kind: AnswerKind, names: string) => Object.fromEntries(names.split(' ').map(name => [name, kind]))

afterEach(undoRedirect)

/** The answers that a simulator can give, and what each means, written down once more from the providers' documentation. */
type Meanings = {
  script: Readonly<Record<string, unknown>>
  expected: Readonly<Record<string, AnswerKind | AnswerKind[]>>
}
const meanings: Record<ProviderName, Meanings> = {
  fcm: {
    script: fcmScript,
    expected: {
      ...all('addressDead', 'invalidToken senderMismatch unregistered'),
      ...all('config', 'thirdPartyAuth unauthenticated permissionDenied wrongProject'),
      ...all('retry', 'deviceQuota internal unavailable acceptThen500 acceptThen503'),
      ...all('doubt', 'garbage'),
      invalidArgument: 'messageDead',
      quota: 'pause',
    },
  },
  apns: {
    script: apnsScript,
    expected: {
      ...all('addressDead', 'BadDeviceToken Unregistered ExpiredToken'),
      ...all(
        'messageDead',
        'BadCollapseId BadExpirationDate BadMessageId BadPriority InvalidPushType DuplicateHeaders',
      ),
      ...all('messageDead', 'PayloadEmpty PayloadTooLarge MissingDeviceToken BadPath MethodNotAllowed'),
      ...all('config', 'BadTopic MissingTopic TopicDisallowed DeviceTokenNotForTopic InvalidProviderToken'),
      ...all('config', 'MissingProviderToken BadCertificate BadCertificateEnvironment Forbidden UnrelatedKeyIdInToken'),
      ...all('config', 'BadEnvironmentKeyIdInToken BadEnvironmentKeyInToken ExpiredProviderToken'),
      ...all('retry', 'IdleTimeout TooManyRequests InternalServerError ServiceUnavailable Shutdown'),
      TooManyProviderTokenUpdates: 'pause',
      ...all('retry', 'acceptThen500 acceptThen503'),
      // The head says 200, and there is no body to lose; the client may see either first.
      resetInBody: ['accepted', 'doubt'],
      garbage: 'doubt',
    },
  },
  sendgrid: {
    script: sendgridScript,
    expected: {
      ...all('messageDead', 'badPersonalization tooLarge'),
      ...all('config', 'badRequest unauthorized forbidden notFound methodNotAllowed unsupportedMediaType'),
      ...all('doubt', 'internal unavailable acceptThen500 acceptThen503'),
      // It says 202 and gives a message id: the body is of no interest.
      tooManyRequests: 'pause',
      garbage: 'accepted',
    },
  },
  twilio: {
    script: twilioScript,
    expected: {
      ...all('addressDead', '21211 21214 21217 21614 21635'),
      ...all('messageDead', '21408 21602 21604 21612 21617'),
      ...all('config', '21212 21603 21606 21608 21609 21659 21660 21661 20003 20005 20404'),
      ...all('doubt', 'internal unavailable acceptThen500 acceptThen503 garbage'),
      21610: 'suppress',
      21611: 'pause',
      20429: 'pause',
    },
  },
  webpush: {
    script: webPushScript,
    expected: {
      ...all('messageDead', 'badRequest tooLarge'),
      ...all('config', 'unauthorized forbidden'),
      ...all('addressDead', 'notFound gone'),
      throttled: 'pause',
      tooManyRequests: 'retry',
      ...all('retry', 'internal unavailable acceptThen500 acceptThen503'),
      // The head says 201: the body is of no interest.
      garbage: 'accepted',
    },
  },
}

const anyway = {
  ...all('accepted', 'accept slow slowBody'),
  ...all('doubt', 'hang resetBefore resetAfter resetInBody goaway goawayAfter html502'),
} as Record<string, AnswerKind>

/** Nothing that a person or an operator must not read in a log. */
function assertHarmless(
  answers: readonly Answer[],
  messages: readonly OutMessage[],
  { credentials }: Pick<Simulators, 'credentials'>,
) {
  const { sendgrid, twilio, webpush } = credentials
  const secrets = [sendgrid.apiKey, twilio.authToken, twilio.accountSid, webpush.privateKey, 'Secret']
  const said = JSON.stringify(answers.map(answer => ('reason' in answer ? answer.reason : '')))
  for (const text of [...secrets, ...messages.map(message => message.endpoint.address)])
    assert.ok(!said.includes(text), `an answer's reason tells "${text}": ${said}`)
}

const send = (provider: Provider, messages: OutMessage[], deadlineMs = 20_000) =>
  provider.send(messages, { lane: 'default', now: Date.now(), deadlineMs })

for (const subject of subjects)
  describe(subject.title, () => {
    test('takes messages, each with its own ids, and answers in their order', async () => {
      await using simulators = await setup()
      await using provider = subject.open(simulators.credentials, simulators.ports)
      const messages = Array.from({ length: Math.min(5, provider.callSizeMax) }, (_, n) => messageTo(subject, n + 1))
      const answers = await send(provider, messages)
      assert.deepEqual(
        answers.map(({ kind }) => kind),
        messages.map(() => 'accepted'),
      )
      for (const message of messages) {
        const line = simulators.lines(subject.name).find(({ address }) => address === calledBy(subject, message))!
        const named = subject.logged(message)
        assert.deepEqual({ ...named, ...line }, { ...line, ...named }, 'the log names delivery and attempt')
      }
    })

    test('gives every answer of its provider one meaning, and tells nobody whose it was', async () => {
      const expected: Record<string, AnswerKind | AnswerKind[]> = { ...anyway, ...meanings[subject.name].expected }
      for (const name of [...commonAnswers, ...Object.keys(meanings[subject.name].script)].filter(
        name => name !== 'reply',
      ))
        assert.ok(name in expected, `${name} has a meaning`)
      for (const [answer, kind] of Object.entries(expected)) {
        await using simulators = await setup()
        await using provider = subject.open(simulators.credentials, simulators.ports)
        const target = messageTo(subject, 666)
        const address = calledBy(subject, target)
        // More than 60 s: firebase-admin does not wait for it.
        simulators.script.set(
          parseRule({
            provider: subject.name,
            address,
            answer,
            ms: /slow/.test(answer) ? 50 : 0,
            retryAfterSeconds: 61,
          }),
        )
        const beside = provider.callSizeMax > 1 ? [messageTo(subject, 1)] : []
        const messages = [target, ...beside]
        const answers = await send(provider, messages, answer === 'hang' ? 300 : 10_000)
        assert.equal(answers.length, messages.length)
        assert.ok([kind].flat().includes(answers[0]!.kind), `${answer}: ${answers[0]!.kind}`)
        if (kind === 'pause') assert.ok((answers[0] as { afterMs: number }).afterMs >= 2_000, answer)
        assertHarmless(answers, messages, simulators)
      }
    })

    test('comes back at its deadline, whatever the provider does', async () => {
      await using simulators = await setup()
      await using provider = subject.open(simulators.credentials, simulators.ports)
      simulators.script.set(parseRule({ provider: subject.name, answer: 'hang' }))
      const begun = performance.now()
      const [answer] = await send(provider, [messageTo(subject, 1)], 200)
      assert.equal(answer!.kind, 'doubt')
      const tookMs = performance.now() - begun
      assert.ok(tookMs >= 195 && tookMs < 10_000, `took ${tookMs} ms`)
    })

    test('where nobody listens nothing is called sent', async () => {
      const simulators = await setup()
      await using provider = subject.open(simulators.credentials, simulators.ports)
      await simulators[Symbol.asyncDispose]()
      const message = messageTo(subject, 1)
      const answers = await send(provider, [message], 1_000)
      assert.ok(['retry', 'pause', 'doubt'].includes(answers[0]!.kind), answers[0]!.kind)
      assertHarmless(answers, [message], simulators)
    })
  })
