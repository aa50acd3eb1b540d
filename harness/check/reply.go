package check

import "strings"

// This file reads the words of servers.

// replyCode is the three-digit code of an SMTP reply, 0 when there is none.
func replyCode(reply string) int {
	for i, word := range strings.Fields(firstLine(reply)) {
		if i > 3 {
			break
		}
		word, _, _ = strings.Cut(strings.TrimSuffix(word, ":"), "-")
		if len(word) == 3 && word[0] >= '2' && word[0] <= '5' && digits(word) {
			return int(word[0]-'0')*100 + int(word[1]-'0')*10 + int(word[2]-'0')
		}
	}
	return 0
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

func digits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

// enhanced finds the enhanced status code 5.class.detail of a reply, 0 if there
// is none.
func enhanced(reply string) (class, detail int) {
	for _, word := range strings.Fields(firstLine(reply)) {
		parts := strings.Split(word, ".")
		if len(parts) == 3 && parts[0] == "5" && len(parts[1]) == 1 && len(parts[2]) == 1 && digits(parts[1]+parts[2]) {
			return int(parts[1][0] - '0'), int(parts[2][0] - '0')
		}
	}
	return 0, 0
}

// denies tells whether a refusal says that the mailbox does not exist.
func denies(reply string) bool {
	reply = strings.ToUpper(reply)
	return strings.Contains(reply, "[NONEXISTENT]") || strings.Contains(reply, "[TRYCREATE]")
}
