package device

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"mfawatch/internal/awserr"
)

// answer is what AWS said, as far as it decides what is done next.
type answer string

const (
	yes         answer = "yes"
	wrongCode   answer = "wrong code" // wrong, used, or too far off
	unchecked   answer = "unchecked"  // asked too often, not this user's, or not known to STS yet
	needsMFA    answer = "needs MFA"  // to change one's own devices (bulletin AWS-2023-001)
	keyNeeded   answer = "key needed" // sessions give no sessions
	denied      answer = "denied"     // by a policy
	noEntity    answer = "no entity"  // no such user or device
	exists      answer = "exists"     // the name is taken, or the device assigned
	limit       answer = "limit"      // of devices
	busy        answer = "busy"       // somebody else changes it, or it was made anew
	tooLong     answer = "too long"   // a session, for the role or for who assumes it
	throttled   answer = "throttled"
	credentials answer = "credentials" // not taken
	other       answer = "other"       // a no of another sort
	unsent      answer = "unsent"      // nobody was asked
	none        answer = "none"        // no answer: it may have been done
)

// byCode are the answers that their code tells (IAM and STS API references).
var byCode = map[string]answer{
	"InvalidAuthenticationCode": wrongCode, "NoSuchEntity": noEntity, "EntityAlreadyExists": exists, "LimitExceeded": limit,
	"EntityTemporarilyUnmodifiable": busy, "ConcurrentModification": busy, "Throttling": throttled, "ThrottlingException": throttled,
	"RequestLimitExceeded": throttled, "TooManyRequestsException": throttled,
}

// byText are the refusals that their text alone tells, as they were recorded.
var byText = []struct {
	code, part string // the beginning of the code, and what the message contains
	is         answer
}{
	{"AccessDenied", "invalid MFA one time pass code", wrongCode}, {"AccessDenied", "unable to validate MFA code", unchecked},
	{"AccessDenied", "authenticated with an MFA device", needsMFA}, {"AccessDenied", "GetSessionToken with session credentials", keyNeeded},
	{"AccessDenied", "", denied},
	{"ValidationError", "DurationSeconds exceeds", tooLong},
}

// judge reads an answer of AWS.
func judge(err error) answer {
	var said smithy.APIError
	var own ours
	switch {
	case err == nil:
		return yes
	case errors.As(err, &own):
		return unsent
	case awserr.OfCredentials(err), !errors.As(err, &said) && neverLeft(err):
		return unsent
	case !errors.As(err, &said) || awserr.Status(err) >= 500:
		return none
	}
	if a, known := byCode[said.ErrorCode()]; known {
		return a
	}
	if _, known := awserr.Credentials(said.ErrorCode()); known {
		return credentials
	}
	for _, t := range byText {
		if strings.HasPrefix(said.ErrorCode(), t.code) && strings.Contains(said.ErrorMessage(), t.part) {
			return t.is
		}
	}
	return other
}

// neverLeft tells errors from before a request was sent: no address, no connection, no
// safe one.
func neverLeft(err error) bool {
	var name *net.DNSError
	var dial *net.OpError
	var cert *tls.CertificateVerificationError
	return errors.As(err, &name) || errors.As(err, &cert) || errors.As(err, &dial) && (dial.Op == "dial" || dial.Op == "proxyconnect")
}

// fate is what becomes of a code that came with a call.
type fate string

const (
	spent fate = "spent" // AWS said yes or no, and may have looked at it
	back  fate = "back"  // AWS did not look: somebody else may use it
	held  fate = "held"  // nobody knows: nobody uses it again
)

func (a answer) fate() fate {
	switch a {
	case unsent, throttled, credentials:
		return back
	case none:
		return held
	}
	return spent
}

// settle tells the codes what became of them, also when the context has ended. Where
// nobody knows, as when the answer is lost, the lease is left to run out.
func settle(ctx context.Context, h Handed, a answer) error {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	switch a.fate() {
	case spent:
		return h.Answered(ctx)
	case back:
		return h.Returned(ctx)
	}
	h.wipe()
	return nil
}

// explain words an answer that is no yes. Sentinels are wrapped where a caller
// branches; of AWS's own text only what it says of policies is used.
func explain(what string, err error) error {
	var said smithy.APIError
	switch a := judge(err); a {
	case yes:
		return nil
	case wrongCode:
		return fmt.Errorf("%s: %w: it was wrong, used before, or of another time: set the clock of the device right, or resync it", what, ErrRefused)
	case needsMFA:
		return fmt.Errorf("%s: %w, by a device that this user has already: get a session with that first", what, ErrNeedsMFA)
	case keyNeeded:
		return fmt.Errorf("%s: %w with the credentials of a session: use the user's own access key", what, ErrDenied)
	case denied:
		return fmt.Errorf("%s: %w%s", what, ErrDenied, policy(err))
	case noEntity:
		return fmt.Errorf("%s: %w, or no such user: list the user's devices", what, ErrNotFound)
	case exists:
		return fmt.Errorf("%s: %w: somebody assigned it, or made one of the name, in the meantime: list the user's devices", what, ErrInUse)
	case limit:
		return fmt.Errorf("%s: the user has as many devices as AWS allows, which is %d: deactivate one first", what, mostDevices)
	case busy, throttled:
		return fmt.Errorf("%s: %w: AWS is busy with it (%s): try again in some minutes", what, ErrLater, awserr.Code(err))
	case tooLong:
		return fmt.Errorf("%s: the session would be longer than the role allows, or than an hour where a role assumes a role: ask for a shorter one, or have the role's longest session raised", what)
	case credentials:
		advice, _ := awserr.Credentials(awserr.Code(err))
		return fmt.Errorf("%s: %s", what, advice)
	case unchecked:
		return fmt.Errorf("%s: %w: AWS checks no code of the device: it was asked too often, or the device is not this user's", what, ErrLater)
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: AWS has not answered in time: %w", what, err)
	case errors.As(err, &said) && !awserr.OfCredentials(err):
		return fmt.Errorf("%s: AWS says %s", what, awserr.Code(err))
	}
	return fmt.Errorf("%s: %w", what, awserr.Unanswered(err))
}

// policy tells which sort of policy refused.
func policy(err error) string {
	var said smithy.APIError
	if !errors.As(err, &said) {
		return ""
	}
	switch kind, explicit := awserr.Policy(said.ErrorMessage()); {
	case kind != "" && explicit:
		return ": " + article(kind) + " denies it: have that changed, or ask with other credentials"
	case kind != "":
		return ": no " + kind + " allows it: have that changed, or ask with other credentials"
	}
	return ": check the user's policies, and a role's trust policy"
}

func article(noun string) string {
	if strings.HasPrefix(noun, "identity") {
		return "an " + noun
	}
	return "a " + noun
}

// Calls that change something or carry a code are made once: a second try would show
// AWS the same code, or make a device whose seed went lost with the first answer.
func onceIAM(o *iam.Options) { o.Retryer = aws.NopRetryer{} }

func onceSTS(o *sts.Options) { o.Retryer = aws.NopRetryer{} }
