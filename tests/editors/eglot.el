;; The main job in Emacs with eglot: a finding as a flymake diagnostic, and its fix in two files.
;; Run as: emacs -Q --batch -l eglot.el, with OTP_GENESIS and PROJECT in the environment. Its exit status tells.
(require 'package)
;; -Q leaves out what Debian has installed.
(add-to-list 'package-directory-list "/usr/share/emacs/site-lisp/elpa")
(package-initialize)
(require 'eglot)

;; Any mode for Elixir will do: this one stands for it.
(define-derived-mode elixir-mode prog-mode "Elixir" (setq-local comment-start "# "))
(add-to-list 'auto-mode-alist '("\\.exs?\\'" . elixir-mode))
(add-to-list 'eglot-server-programs `(elixir-mode . (,(getenv "OTP_GENESIS") "lsp")))
(setq eglot-sync-connect 30 eglot-connect-timeout 30 eglot-autoshutdown t
      eglot-confirm-server-initiated-edits nil)

(defun mix-project (folder)
  (let ((root (locate-dominating-file folder "mix.exs")))
    (and root (cons 'transient root))))
(add-hook 'project-find-functions #'mix-project)

(defun until (what question)
  (let ((deadline (+ (float-time) 45)))
    (while (not (funcall question))
      (when (> (float-time) deadline)
        (message "not within 45 seconds: %s" what)
        (kill-emacs 1))
      (accept-process-output nil 0.05))))

(defun finding (code)
  (flymake-start)
  (seq-find (lambda (one) (string-match-p code (flymake-diagnostic-text one))) (flymake-diagnostics)))

(find-file (expand-file-name "lib/depot/shelves.ex" (getenv "PROJECT")))
(call-interactively #'eglot)
(until "the finding" (lambda () (finding "no link, monitor or supervisor")))
(let ((found (finding "no link, monitor or supervisor")))
  (unless (equal (buffer-substring (flymake-diagnostic-beg found) (flymake-diagnostic-end found)) "spawn")
    (message "the wrong place")
    (kill-emacs 1))
  ;; What a person answers: which of the actions, and yes.
  (cl-letf (((symbol-function 'completing-read)
             (lambda (_ choices &rest _)
               (seq-find (lambda (title) (string-prefix-p "Fix with OTP-Genesis: " title)) (mapcar #'car choices))))
            ((symbol-function 'y-or-n-p) #'always))
    ;; Typed, not clicked: else a menu would pop up.
    (setq last-nonmenu-event ?\r)
    (eglot-code-actions (flymake-diagnostic-beg found) (flymake-diagnostic-end found) "quickfix" t)))
(until "the fix" (lambda () (string-match-p "Task.Supervisor.start_child(Depot.TaskSupervisor, fn ->" (buffer-string))))
;; Saving tells the server of the change; else an idle timer does, which never runs in a batch.
(save-some-buffers t)
(until "no finding" (lambda () (not (finding "no link, monitor or supervisor"))))
(kill-emacs 0)
